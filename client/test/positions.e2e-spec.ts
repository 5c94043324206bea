import { eventually } from '../../test/support/eventually.js';
import { dataOf, range } from '../../test/support/messages.js';
import { startServer, type TestServer } from '../../test/support/server.js';
import { MemoryPositions, type Room } from '../src/index.js';
import { collect, many, rookery } from './support/rookery.js';

const broken = (): Promise<never> => Promise.reject(new Error('disk full'));

/** A room with a message that alice has had, by the positions that she kept, and bob who published it. */
async function hadBefore(server: TestServer): Promise<{ bob: Room; positions: MemoryPositions }> {
  const bob = rookery(server, { user: 'bob' }).room('r');
  const { epoch = '', offset = 0 } = await bob.publish('had');
  const positions = new MemoryPositions();
  positions.set('r', { epoch, offset });
  return { bob, positions };
}

describe('positions', () => {
  it('have the next client go on where the last one was', async () => {
    const server = await startServer();
    const positions = new MemoryPositions();
    const bob = rookery(server, { user: 'bob' });
    const first = rookery(server, { positions, userId: 'alice' });
    const seen: unknown[] = collect(first.room('r'));
    first.on('user:message', (message) => seen.push(message));
    await first.room('r').join();
    await bob.room('r').publish(1);
    await bob.sendToUser('alice', 'hello');
    await many(seen, 2);
    await first.close();
    await bob.room('r').publish(2);
    await bob.sendToUser('alice', 'missed');

    const second = rookery(server, { positions, userId: 'alice' });
    const later = collect(second.room('r'));
    const direct: unknown[] = [];
    second.on('user:message', ({ data }) => direct.push(data));
    expect(await second.room('r').join()).toMatchObject({ recovered: true, offset: 1 });
    await many(later, 1);
    await many(direct, 1);
    expect([dataOf(later), direct]).toEqual([[2], ['missed']]);
  });

  it('have a client told of what it published before it joined, in its place', async () => {
    const server = await startServer();
    const { bob, positions } = await hadBefore(server);
    const room = rookery(server, { positions }).room('r');
    const seen = collect(room);
    await bob.publish(1);
    const { id } = await room.publish(2);
    await bob.publish(3);
    await room.publish(4);
    await room.join();
    await room.publish(5);
    await bob.publish(6);
    await many(seen, 6);
    expect(dataOf(seen)).toEqual([1, 2, 3, 4, 5, 6]);
    expect(seen[1]).toMatchObject({ from: 'alice', id, offset: 3 });
  });

  it('have it told of all of that, however much it was', async () => {
    const server = await startServer();
    const { positions } = await hadBefore(server);
    const client = rookery(server, { positions });
    const room = client.room('r');
    const seen = collect(room);
    await Promise.all(range(1, 150).map((n) => room.publish(n)));
    await Promise.all([room.join(), client.room('other').join()]);
    await room.publish(151);
    await many(seen, 151);
    expect(dataOf(seen)).toEqual(range(1, 151));
  });

  it('of which there is none, or none any more, do not bring up what was published before', async () => {
    const server = await startServer();
    const room = rookery(server).room('r');
    const seen = collect(room);
    await room.publish(1);
    await room.join();
    await room.publish(2);
    await room.leave();
    await room.publish(3);
    await room.join();
    await room.publish(4);
    expect(dataOf(seen)).toEqual([2, 4]);
  });

  it('are stored after the handlers of a message ran', async () => {
    const server = await startServer();
    const log: string[] = [];
    const positions = new MemoryPositions();
    const set = positions.set.bind(positions);
    positions.set = (room, position) => {
      log.push(`${room} at ${position.offset}`);
      set(room, position);
    };
    const alice = rookery(server, { positions });
    const room = alice.room('r');
    room.on('message', ({ data }) => log.push(`handled ${String(data)}`));
    await room.join();
    await room.publish('x');
    await eventually(
      () => log,
      (lines) => lines.includes('r at 1'),
    );
    expect(log.indexOf('handled x')).toBeLessThan(log.indexOf('r at 1'));
  });

  it('are gone once the room is left, be it by a handler of a message', async () => {
    const server = await startServer();
    const positions = new MemoryPositions();
    const bob = rookery(server, { user: 'bob' }).room('r');
    const room = rookery(server, { positions }).room('r');
    await room.join();
    await bob.publish(1);
    await eventually(
      () => positions.get('r')?.offset,
      (offset) => offset === 1,
    );
    const left = new Promise<void>((resolve, reject) => {
      room.on('message', () => void room.leave().then(resolve, reject));
    });
    await bob.publish(2);
    await left;
    expect([room.position, positions.get('r')]).toEqual([undefined, undefined]);
    const seen = collect(room);
    await bob.publish(3);
    await room.join();
    await bob.publish(4);
    await many(seen, 1);
    expect(dataOf(seen)).toEqual([4]);
  });

  it('that cannot be read or stored are told, and do no harm', async () => {
    const server = await startServer();
    const alice = rookery(server, { positions: { get: broken, set: broken, delete: broken } });
    const codes: string[] = [];
    alice.on('error', ({ code, cause }) => codes.push(`${code} ${String(cause)}`));
    const room = alice.room('r');
    await room.join();
    await room.publish(1);
    await many(codes, 3);
    expect(new Set(codes)).toEqual(new Set(['STORE_FAILED Error: disk full']));
  });

  it('may be the server’s: the one that was acknowledged last', async () => {
    const server = await startServer();
    const bob = rookery(server, { user: 'bob' });
    const phone = rookery(server);
    const seen = collect(phone.room('r'));
    await phone.room('r').join();
    for (const n of [1, 2, 3]) await bob.room('r').publish(n);
    await many(seen, 3);
    await Promise.all(seen.slice(0, 2).map((message) => phone.room('r').acknowledge(message)));

    const laptop = rookery(server);
    const later = collect(laptop.room('r'));
    expect(await laptop.room('r').join({ recover: 'last' })).toMatchObject({ recovered: true, offset: 2 });
    await many(later, 1);
    expect(dataOf(later)).toEqual([3]);
    await expect(bob.room('r').acknowledge({ epoch: 'x', offset: 1 })).rejects.toMatchObject({ code: 'NOT_JOINED' });
    const volatile = { room: 'r', data: 1, id: 'v', timestamp: 1 };
    await expect(bob.room('r').acknowledge(volatile)).rejects.toMatchObject({ code: 'INVALID_PAYLOAD' });
  });
});
