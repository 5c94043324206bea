import { dataOf } from '../../test/support/messages.js';
import { MemoryPositions, type Gap, type RookeryClient, type RookeryError } from '../src/index.js';
import { collect, many, rookery } from './support/rookery.js';
import { ScriptedServer } from './support/scripted.js';

const message = (id: string, offset: number, from = 'bob') => {
  const timestamp = 1_700_000_000_000;
  return { room: 'r', data: `secret of ${id}`, from, id, offset, timestamp };
};

/** Keeps what a client says of errors. */
function errorsOf(emitter: Pick<RookeryClient, 'on'>): RookeryError[] {
  const errors: RookeryError[] = [];
  emitter.on('error', (error) => errors.push(error));
  return errors;
}

const placesOf = (errors: readonly RookeryError[]): unknown[] =>
  errors.map(({ code, details }) => [code, details?.['offset'], details?.['id']]);

describe('RookeryClient, of a message that the server repeats or misorders,', () => {
  it('drops it and reports it without its data, and keeps the connection', async () => {
    const server = await ScriptedServer.start(() => ({ epoch: 'e1', offset: 0 }));
    const room = rookery(server).room('r');
    const errors: RookeryError[] = [];
    room.on('error', (error) => errors.push(error));
    const seen = collect(room);
    await room.join();
    server.say('room:message', message('a', 1));
    server.say('room:message', message('b', 3));
    server.say('room:message', message('a', 1));
    server.say('room:message', message('late', 2));
    server.say('room:message', message('a', 4));
    server.say('room:message', message('a', 5, 'carol'));
    await many(seen, 3);
    expect(dataOf(seen)).toEqual(['secret of a', 'secret of b', 'secret of a']);
    expect(seen.at(-1)).toMatchObject({ from: 'carol', offset: 5 });
    expect(placesOf(errors)).toEqual([
      ['OUT_OF_ORDER', 1, 'a'],
      ['OUT_OF_ORDER', 2, 'late'],
      ['OUT_OF_ORDER', 4, 'a'],
    ]);
    expect(errors[0]).toMatchObject({ retryable: false, details: { room: 'r', epoch: 'e1', offset: 1, id: 'a' } });
    expect(JSON.stringify(errors) + errors.map(String).join()).not.toContain('secret');
    expect([room.state, room.position, server.connections]).toEqual(['joined', { epoch: 'e1', offset: 5 }, 1]);
  });

  it('reports it after a reconnect, on the client where the room has no listener', async () => {
    const server = await ScriptedServer.start((_, recover) =>
      recover === undefined ? { epoch: 'e1', offset: 0 } : { epoch: 'e1', offset: 0, recovered: true },
    );
    const client = rookery(server);
    const errors = errorsOf(client);
    const room = client.room('r');
    const seen = collect(room);
    await room.join();
    server.say('room:message', message('a', 1));
    await many(seen, 1);
    const rejoined = new Promise((resolve) => room.on('joined', resolve));
    server.cut();
    await rejoined;
    server.say('room:message', message('a', 1));
    server.say('room:message', message('b', 2));
    await many(seen, 2);
    expect(dataOf(seen)).toEqual(['secret of a', 'secret of b']);
    expect(placesOf(errors)).toEqual([['OUT_OF_ORDER', 1, 'a']]);
  });

  it('reports it for broadcasts', async () => {
    const server = await ScriptedServer.start(() => ({ epoch: 'e1', offset: 0 }));
    const client = rookery(server);
    const errors = errorsOf(client);
    const seen: unknown[] = [];
    client.on('broadcast', ({ id }) => seen.push(id));
    await client.connect();
    for (const id of ['a', 'a', 'b']) server.say('broadcast', message(id, id === 'a' ? 1 : 2));
    await many(seen, 2);
    expect([seen, errors.map(({ details }) => details?.['room'])]).toEqual([['a', 'b'], ['@all']]);
  });
});

describe('RookeryClient, of a history that lost its end,', () => {
  it('gives a message that is published again once, and does not report it', async () => {
    const server = await ScriptedServer.start(() => ({ epoch: 'e1', offset: 0 }));
    const client = rookery(server);
    const errors = errorsOf(client);
    const room = client.room('r');
    const seen = collect(room);
    const gaps: Gap[] = [];
    room.on('gap', (gap) => gaps.push(gap));
    await room.join();
    for (const [index, id] of ['a', 'b', 'c'].entries()) server.say('room:message', message(id, index + 1));
    server.say('room:gap', { room: 'r', epoch: 'e2', offset: 1, reason: 'epoch', message: 'of no meaning' });
    server.say('room:message', message('d', 2));
    server.say('room:message', message('c', 3));
    server.say('room:message', message('e', 4));
    await many(seen, 5);
    expect(seen.map(({ id, epoch, offset }) => `${id} ${epoch}:${offset}`)).toEqual(
      'a e1:1,b e1:2,c e1:3,d e2:2,e e2:4'.split(','),
    );
    expect(gaps).toEqual([{ room: 'r', epoch: 'e2', offset: 1, reason: 'epoch' }]);
    expect(errors).toEqual([]);
    expect(room.position).toEqual({ epoch: 'e2', offset: 4 });
  });
});

describe('RookeryClient, in a room that is left and joined again from an earlier position,', () => {
  it('gives its messages again', async () => {
    const server = await ScriptedServer.start((_, recover) => ({
      epoch: 'e1',
      offset: 0,
      recovered: recover !== undefined,
    }));
    const client = rookery(server, { positions: new MemoryPositions() });
    const errors = errorsOf(client);
    const room = client.room('r');
    const seen = collect(room);
    for (const count of [1, 2]) {
      await room.join({ recover: { epoch: 'e1', offset: 0 } });
      server.say('room:message', message('a', 1));
      await many(seen, count);
      await room.leave();
    }
    expect([dataOf(seen), errors]).toEqual([['secret of a', 'secret of a'], []]);
  });
});
