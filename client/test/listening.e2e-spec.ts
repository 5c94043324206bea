import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

import { eventually } from '../../test/support/eventually.js';
import { dataOf, range } from '../../test/support/messages.js';
import { startServer } from '../../test/support/server.js';
import type { Invalid, PresenceList, Room, RoomMessage, StandardResult, StandardSchemaV1 } from '../src/index.js';
import { entryOf } from '../src/typed-rooms.js';
import { FaultyProxy } from './support/faulty-proxy.js';
import { collect, many, rookery } from './support/rookery.js';

async function take(messages: AsyncIterable<RoomMessage>, count: number): Promise<unknown[]> {
  const taken: unknown[] = [];
  for await (const { data } of messages) {
    taken.push(data);
    if (taken.length === count) break;
  }
  return taken;
}

describe('a loop over messages', () => {
  it('joins the room by itself, gives everything in order, and may be left', async () => {
    const server = await startServer();
    const [alice, bob] = [rookery(server), rookery(server, { user: 'bob' })];
    const room = alice.room('r');
    const taken = take(room, 3);
    await room.join();
    for (const n of range(1, 5)) await bob.room('r').publish(n);
    expect(await taken).toEqual([1, 2, 3]);
    expect(room.state).toBe('joined');
  });

  it('ends when the room is left, and says why where it was not to be joined', async () => {
    const server = await startServer({ defaultGrants: [] });
    const alice = rookery(server);
    await expect(take(alice.room('r').messages(), 1)).rejects.toMatchObject({ code: 'FORBIDDEN' });
    const other = await startServer();
    const room = rookery(other).room('r');
    const taken = take(room, 99);
    await room.join();
    await room.publish('x');
    await room.leave();
    expect(await taken).toEqual(['x']);
  });

  it('is bounded, and may be aborted', async () => {
    const server = await startServer();
    const room = rookery(server).room('r');
    await room.join();
    const slow = room.messages({ max: 2 });
    const controller = new AbortController();
    const aborted = take(room.messages({ signal: controller.signal }), 99);
    for (const n of range(1, 4)) await room.publish(n);
    controller.abort();
    await expect(aborted).rejects.toMatchObject({ code: 'ABORTED' });
    expect([await slow.next(), await slow.next()]).toMatchObject([{ value: { data: 1 } }, { value: { data: 2 } }]);
    await expect(slow.next()).rejects.toMatchObject({ code: 'OVERFLOW', retryable: true });
    expect(await slow.next()).toEqual({ value: undefined, done: true });
  });
});

describe('history', () => {
  it('is read page by page, over breaks, as far as it is wanted', async () => {
    const server = await startServer();
    const proxy = await FaultyProxy.start(server.port);
    const [alice, bob] = [rookery(proxy), rookery(server, { user: 'bob' })];
    const acks = await Promise.all(range(1, 25).map((n) => bob.room('r').publish(n)));
    const read: unknown[] = [];
    for await (const { data, epoch } of alice.room('r').history({ pageSize: 4 })) {
      read.push(data);
      expect(epoch).toBe(acks[0]?.epoch);
      if (read.length % 10 === 0) proxy.cut();
    }
    expect(read).toEqual(range(1, 25));
    const { epoch = '' } = acks[0] ?? {};
    const after = { epoch, offset: 20 };
    expect(await take(alice.room('r').history({ after }), 99)).toEqual(range(21, 25));
    expect(await take(alice.room('r').history({ limit: 7, pageSize: 5 }), 99)).toEqual(range(1, 7));
  });

  it('says what of it is gone, and who may not read it', async () => {
    const server = await startServer({ historySize: 2 });
    const alice = rookery(server);
    const [first] = await Promise.all(range(1, 5).map((n) => alice.room('r').publish(n)));
    const history = alice.room('r').history({ after: { epoch: first?.epoch ?? '', offset: 1 } });
    expect(await take(history, 99)).toEqual([4, 5]);
    expect(history.reason).toBe('trimmed');
    const closed = await startServer({ defaultGrants: [{ pattern: '*', can: ['join'] }] });
    await expect(take(rookery(closed).room('r').history(), 1)).rejects.toMatchObject({ code: 'FORBIDDEN' });
  });
});

const usersIn = ({ members }: PresenceList): string[] =>
  members.map(({ userId }) => userId).toSorted((a, b) => a.localeCompare(b));
const become = (list: PresenceList, ...users: string[]): Promise<unknown> =>
  eventually(
    () => usersIn(list),
    (now) => now.join(' ') === users.join(' '),
  );

describe('presence', () => {
  it('is a list that follows who comes and goes, over breaks', async () => {
    const rule = { pattern: 'p', presence: true } as const;
    const server = await startServer({ presenceIntervalMs: 10, presenceGraceMs: 0, rooms: [rule] });
    const proxy = await FaultyProxy.start(server.port);
    const [alice, bob] = [rookery(proxy), rookery(server, { user: 'bob' })];
    const list = alice.room('p').presence();
    let changes = 0;
    list.on('change', () => (changes += 1));
    await alice.room('p').join();
    await become(list, 'alice');
    await bob.room('p').join();
    await become(list, 'alice', 'bob');
    expect(list).toMatchObject({ size: 2, partial: false });
    proxy.closed = true;
    proxy.cut();
    await bob.room('p').leave();
    await rookery(server, { user: 'carol' }).room('p').join();
    proxy.closed = false;
    await become(list, 'alice', 'carol');
    expect(list.size).toBe(2);
    const before = changes;
    list.close();
    await bob.room('p').join();
    await rookery(server, { user: 'dave' }).room('p').join();
    await list.refresh();
    expect(usersIn(list)).toEqual(['alice', 'bob', 'carol', 'dave']);
    expect(changes).toBe(before + 1);
  });

  it('that may not be read is told', async () => {
    const server = await startServer({ defaultGrants: [{ pattern: '*', can: ['join'] }] });
    const room = rookery(server).room('r');
    const told = new Promise((resolve) => room.on('error', resolve));
    const list = room.presence();
    await room.join();
    expect(await told).toMatchObject({ code: 'FORBIDDEN' });
    await expect(list.refresh()).rejects.toMatchObject({ code: 'FORBIDDEN' });
  });
});

const schema = <Output>(
  validate: (value: unknown) => StandardResult<Output> | Promise<StandardResult<Output>>,
): StandardSchemaV1<string, Output> => ({
  '~standard': { version: 1, vendor: 'test', validate },
});
const digits = (value: unknown): StandardResult<number> =>
  typeof value === 'string' && /^\d+$/.test(value) ? { value: Number(value) } : { issues: [{ message: 'no digits' }] };

describe('validators', () => {
  const counter = schema(digits);
  const late = schema(async (value) => {
    // The later, the sooner: what keeps the order is not luck.
    await new Promise((resolve) => setTimeout(resolve, value === '1' ? 30 : 1));
    return digits(value);
  });

  it.each([
    ['at once', counter],
    ['later', late],
  ])('that answer %s check what is published and what comes, in order', async (_when, check) => {
    const server = await startServer();
    const alice = rookery(server, { rooms: { 'count:*': check } });
    const bob = rookery(server, { user: 'bob' });
    const room = alice.room('count:1');
    const seen: number[] = [];
    const invalid: Invalid[] = [];
    room.on('message', ({ data }) => seen.push(data));
    room.on('invalid', (event) => invalid.push(event));
    await room.join();
    const bad = room.publish('x').catch((error: unknown) => error);
    const acks = await Promise.all([room.publish('1'), room.publish('2')]);
    expect(await bad).toMatchObject({ code: 'INVALID_DATA', details: { issues: [{ message: 'no digits' }] } });
    expect(acks.map(({ offset }) => offset)).toEqual([1, 2]);
    await bob.room('count:1').publish('not a number');
    await bob.room('count:1').publish('3');
    await eventually(
      () => seen.length,
      (count) => count === 3,
    );
    expect(seen).toEqual([1, 2, 3]);
    expect(invalid).toMatchObject([
      { message: { room: 'count:1', data: 'not a number', offset: 3 }, issues: [{ message: 'no digits' }] },
    ]);
    expect(room.position?.offset).toBe(4);
    expect(await take(room.history(), 99)).toEqual([1, 2, 3]);
  });

  it('may promise by any library’s promises', async () => {
    const server = await startServer();
    // Of another realm, as those of frames, and of pages whose own promises are replaced.
    const elsewhere = runInNewContext('(result) => Promise.resolve(result)') as <T>(result: T) => Promise<T>;
    const alice = rookery(server, { rooms: { r: schema((value) => elsewhere(digits(value))) } });
    const bob = rookery(server, { user: 'bob' });
    const seen: unknown[] = [];
    const invalid: unknown[] = [];
    alice.room('r').on('message', ({ data }) => seen.push(data));
    alice.room('r').on('invalid', ({ message }) => invalid.push(message.data));
    await alice.room('r').join();
    await bob.room('r').publish('x');
    await bob.room('r').publish('7');
    await many(seen, 1);
    expect([seen, invalid]).toEqual([[7], ['x']]);
  });

  it('keep nothing of what was published', async () => {
    const server = await startServer();
    const room = rookery(server, { rooms: { r: schema((value) => ({ value })) } }).room('r') as Room;
    const publish = async (n: number): Promise<WeakRef<object>> => {
      const data = { n };
      await room.publish(data);
      return new WeakRef(data);
    };
    const published = [await publish(1), await publish(2), await publish(3)];
    setFlagsFromString('--expose-gc');
    const collectGarbage = runInNewContext('gc') as () => void;
    await eventually(
      () => {
        collectGarbage();
        return published.filter((one) => one.deref() !== undefined).length;
      },
      (alive) => alive === 0,
    );
  });

  it('that throw have not said yes', async () => {
    const server = await startServer();
    const broken = schema<number>(() => {
      throw new Error('broken');
    });
    const room = rookery(server, { rooms: { r: broken } }).room('r');
    await expect(room.publish('1')).rejects.toMatchObject({ code: 'INVALID_DATA', message: 'Error: broken' });
  });

  it('are chosen by the most specific pattern', () => {
    const rooms = { '*': 1, 'chat:*': 2, 'chat:*:log': 3, 'chat:1': 4, 'a.b': 5 };
    expect(['x', 'chat:2', 'chat:2:log', 'chat:1', 'a.b', 'aXb'].map((name) => entryOf(rooms, name))).toEqual([
      1, 2, 3, 4, 5, 1,
    ]);
    expect(entryOf({ 'chat:*': 1 }, 'other')).toBeUndefined();
  });
});

describe('listeners', () => {
  it('come once, or until they are taken away; one that throws harms none of the others', async () => {
    const server = await startServer();
    const room = rookery(server).room('r');
    const log: string[] = [];
    const listener = (): unknown => log.push('off');
    room.once('message', () => log.push('once'));
    room.on('message', listener);
    room.off('message', listener);
    const stop = room.on('message', () => log.push('on'));
    const seen = collect(room);
    await room.join();
    await room.publish(1);
    await room.publish(2);
    stop();
    await room.publish(3);
    expect(log).toEqual(['once', 'on', 'on']);
    expect(dataOf(seen)).toEqual([1, 2, 3]);
  });

  it('may leave the room while they are called', async () => {
    const server = await startServer();
    const [alice, bob] = [rookery(server), rookery(server, { user: 'bob' })];
    const room = alice.room('r');
    const seen = collect(room);
    room.on('message', () => void room.leave());
    await room.join();
    await Promise.all(range(1, 5).map((n) => bob.room('r').publish(n)));
    await eventually(
      () => seen.length,
      (count) => count > 0,
    );
    await room.leave();
    expect(dataOf(seen)).toEqual([1]);
  });
});
