import v8 from 'node:v8';
import vm from 'node:vm';

import { eventually } from '../../test/support/eventually.js';
import { dataOf, range } from '../../test/support/messages.js';
import { startServer } from '../../test/support/server.js';
import type { RookeryClient, Room } from '../src/index.js';
import { FaultyProxy } from './support/faulty-proxy.js';
import { collect, many, rookery } from './support/rookery.js';
import { ScriptedServer } from './support/scripted.js';

v8.setFlagsFromString('--expose-gc');
const collectGarbage = vm.runInNewContext('gc') as () => void;

const start = (): Promise<ScriptedServer> => ScriptedServer.start(() => ({ epoch: 'e1', offset: 0 }));

/** Waits until the number of the objects is not above a limit, and returns it. */
const alive = (references: readonly WeakRef<object>[], most: number): Promise<number> =>
  eventually(
    () => {
      collectGarbage();
      return references.filter((reference) => reference.deref() !== undefined).length;
    },
    (count) => count <= most,
  );

/** Joins and leaves rooms, a hundred at a time, and keeps none of them. */
async function visit(
  client: RookeryClient,
  names: readonly string[],
  prepare: (room: Room) => void = () => undefined,
): Promise<WeakRef<Room>[]> {
  const references: WeakRef<Room>[] = [];
  for (let at = 0; at < names.length; at += 100) {
    const rooms = names.slice(at, at + 100).map((name) => client.room(name));
    for (const room of rooms) {
      references.push(new WeakRef(room));
      prepare(room);
    }
    await Promise.all(rooms.map((room) => room.join()));
    await Promise.all(rooms.map((room) => room.leave()));
  }
  return references;
}

const namesOf = (count: number): string[] => range(1, count).map((n) => `room:${n}`);

function heapUsed(): number {
  collectGarbage();
  return process.memoryUsage().heapUsed;
}

describe('A client that joins and leaves rooms', () => {
  it('keeps nothing of 5,000 rooms that were left and that the application does not hold', async () => {
    const client = rookery(await start());
    await visit(client, ['warm', 'up']);
    const before = heapUsed();
    const references = await visit(client, namesOf(5000));
    expect(await alive(references, 10)).toBeLessThanOrEqual(10);
    references.length = 0;
    // A room took some 4,000 bytes, so that this many took 20 MB.
    const grownBytes = await eventually(
      () => heapUsed() - before,
      (bytes) => bytes < 4e6,
    );
    expect(grownBytes).toBeLessThan(4e6);
  });

  it('keeps at most 1,000 of the rooms that were left with handlers', async () => {
    const client = rookery(await start());
    const seen: string[] = [];
    const references = await visit(client, namesOf(2000), (room) => {
      room.on('message', ({ room: name }) => seen.push(name));
    });
    expect(await alive(references, 1010)).toBeGreaterThanOrEqual(1000);
  });

  it('keeps the handlers of the latest rooms that were left for when they are joined again', async () => {
    const server = await start();
    const client = rookery(server);
    const seen: string[] = [];
    await visit(client, namesOf(500), (room) => {
      room.on('message', ({ room: name }) => seen.push(name));
    });
    collectGarbage();
    await client.room('room:1').join();
    server.say('room:message', { room: 'room:1', id: 'm1', offset: 1, data: 1, timestamp: 1 });
    await many(seen, 1);
    expect(seen).toEqual(['room:1']);
  });

  it('lets the application join a room again that it holds, however many were left since', async () => {
    const server = await start();
    const client = rookery(server);
    const room = client.room('held');
    const seen = collect(room);
    await room.join();
    await room.leave();
    const references = await visit(client, namesOf(2000), (other) => other.on('message', () => undefined));
    await alive(references, 1010);
    await room.join();
    expect(client.room('held')).toBe(room);
    server.say('room:message', { room: 'held', id: 'm1', offset: 1, data: 'again', timestamp: 1 });
    await many(seen, 1);
    expect(dataOf(seen)).toEqual(['again']);
  });

  it('keeps rooms that have handlers and were never left, and joined ones, though nobody holds them', async () => {
    const server = await start();
    const client = rookery(server);
    const seen: string[] = [];
    const names = namesOf(1500);
    const references = names.map((name) => {
      const room = client.room(name);
      room.on('message', () => seen.push(name));
      return new WeakRef(room);
    });
    await client.room('joined').join();
    collectGarbage();
    expect(references.filter((reference) => reference.deref() === undefined)).toEqual([]);
    expect(client.room('joined').state).toBe('joined');
    await client.room('room:1').join();
    server.say('room:message', { room: 'room:1', id: 'm1', offset: 1, data: 1, timestamp: 1 });
    await many(seen, 1);
    expect(seen).toEqual(['room:1']);
  });

  it('keeps no room whose handlers and presence lists are gone', async () => {
    const client = rookery(await start());
    const references = namesOf(200).map((name) => {
      const room = client.room(name);
      const stop = room.on('message', () => undefined);
      const list = room.presence();
      stop();
      list.close();
      return new WeakRef(room);
    });
    await new Promise(setImmediate);
    expect(await alive(references, 5)).toBeLessThanOrEqual(5);
  });

  it('keeps the handlers of every room while it is closed, so that they can be joined again', async () => {
    const client = rookery(await start());
    const references: WeakRef<Room>[] = [];
    const joining = namesOf(1500).map((name) => {
      const room = client.room(name);
      room.on('message', () => undefined);
      references.push(new WeakRef(room));
      return room.join();
    });
    await Promise.all(joining);
    joining.length = 0;
    await client.close();
    await new Promise(setImmediate);
    collectGarbage();
    expect(references.filter((reference) => reference.deref() === undefined)).toEqual([]);
  });
});

describe('A client that publishes in many rooms without joining them', () => {
  it('keeps few of the rooms, and gives each its own messages when it is joined from a position before them', async () => {
    const server = await startServer({ rateLimit: 0 });
    const proxy = await FaultyProxy.start(server.port);
    const client = rookery(proxy);
    const references: WeakRef<Room>[] = [];
    const epochs = await Promise.all(
      namesOf(300).map(async (name) => {
        const room = client.room(name);
        references.push(new WeakRef(room));
        return (await room.publish(name)).epoch;
      }),
    );
    await new Promise(setImmediate);
    expect(await alive(references, 110)).toBeLessThanOrEqual(110);
    const join = async (n: number): Promise<unknown[]> => {
      const room = client.room(`room:${n}`);
      const seen = collect(room);
      await room.join({ recover: { epoch: epochs[n - 1] ?? '', offset: 0 } });
      await many(seen, 1);
      return dataOf(seen);
    };
    expect(await join(1)).toEqual(['room:1']);
    expect(proxy.connections).toBe(1);
    // It is not known any more what this one published: another connection brings it.
    expect(await join(300)).toEqual(['room:300']);
    expect(proxy.connections).toBe(2);
    expect(await join(299)).toEqual(['room:299']);
    expect(proxy.connections).toBe(2);
    expect(await alive(references, 10)).toBeLessThanOrEqual(10);
  });
});
