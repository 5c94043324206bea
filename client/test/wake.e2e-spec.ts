import type { Socket } from 'node:net';

import { jest } from '@jest/globals';
import { WebSocket } from 'ws';

import { eventually } from '../../test/support/eventually.js';
import { dataOf } from '../../test/support/messages.js';
import { startServer, tokenFor } from '../../test/support/server.js';
import { cleanUp } from '../../test/support/teardown.js';
import type { RookeryClient, StateChange } from '../src/index.js';
import { FaultyProxy } from './support/faulty-proxy.js';
import { collect, rookery, statesOf } from './support/rookery.js';

/** Gives this process what a window has. */
function openWindow(): { tell(name: string): void; visibility(state: string): void } {
  const target = new EventTarget();
  const document = { visibilityState: 'visible' };
  const added = {
    addEventListener: target.addEventListener.bind(target),
    removeEventListener: target.removeEventListener.bind(target),
    document,
  };
  Object.assign(globalThis, added);
  cleanUp(() => {
    for (const name of Object.keys(added)) Reflect.deleteProperty(globalThis, name);
  });
  const tell = (name: string): void => void target.dispatchEvent(new Event(name));
  return {
    tell,
    visibility: (state) => {
      document.visibilityState = state;
      tell('visibilitychange');
    },
  };
}

/** So long that only what wakes it can have moved it. */
const HOURS_MS = 3_600_000;
const PATIENT = {
  reconnect: { minDelayMs: HOURS_MS, maxDelayMs: HOURS_MS },
  liveness: { intervalMs: HOURS_MS, timeoutMs: 300 },
};

const until = (client: RookeryClient, state: string): Promise<unknown> =>
  eventually(
    () => client.state,
    (now) => now === state,
  );

describe('a client in a window', () => {
  it.each(['online', 'pageshow', 'visibilitychange'])('tries at once on %s, and no sooner', async (event) => {
    const page = openWindow();
    const server = await startServer();
    const proxy = await FaultyProxy.start(server.port);
    const client = rookery(proxy, PATIENT);
    await client.connect();
    proxy.cut();
    await until(client, 'reconnecting');
    page.tell(event);
    await until(client, 'connected');
    expect(proxy.connections).toBe(2);
  });

  it('drops its connection when it is offline, and comes back with everything when it is online', async () => {
    const page = openWindow();
    const server = await startServer();
    const [client, bob] = [rookery(server, PATIENT), rookery(server, { user: 'bob' })];
    const room = client.room('r');
    const seen = collect(room);
    await room.join();
    const changes: StateChange[] = [];
    client.on('state', (change) => changes.push(change));
    page.tell('offline');
    expect(changes).toMatchObject([{ state: 'reconnecting', reason: 'offline', retryInMs: HOURS_MS }]);
    await bob.room('r').publish('missed');
    const published = room.publish('queued');
    page.tell('online');
    await published;
    await eventually(
      () => seen.length,
      (count) => count === 2,
    );
    expect(seen.map(({ data }) => data)).toEqual(['missed', 'queued']);
  });

  it('finds at once that the connection did not outlive the time it was hidden', async () => {
    const page = openWindow();
    const server = await startServer();
    const proxy = await FaultyProxy.start(server.port);
    const client = rookery(proxy, { ...PATIENT, reconnect: { minDelayMs: 1, maxDelayMs: 20 } });
    await client.connect();
    page.visibility('hidden');
    proxy.stall();
    page.visibility('visible');
    await until(client, 'reconnecting');
    await until(client, 'connected');
    expect(proxy.connections).toBe(2);
  });

  it('stores its positions when the page goes', async () => {
    const page = openWindow();
    const server = await startServer();
    const stored = new Map<string, number>();
    const positions = {
      get: (): undefined => undefined,
      set: (room: string, { offset }: { offset: number }): void => void stored.set(room, offset),
      delete: (): void => undefined,
    };
    const room = rookery(server, { positions }).room('r');
    const atOnce = new Promise<number | undefined>((resolve) => {
      room.on('message', () => {
        // The position moves when this listener is done; the end of the turn may never come.
        queueMicrotask(() => {
          page.tell('pagehide');
          resolve(stored.get('r'));
        });
      });
    });
    await room.join();
    await room.publish('x');
    expect(await atOnce).toBe(1);
  });

  it('listens to nothing any more when it is closed', async () => {
    const page = openWindow();
    const server = await startServer();
    const proxy = await FaultyProxy.start(server.port);
    const client = rookery(proxy, PATIENT);
    await client.connect();
    await client.close();
    page.tell('online');
    expect(client.state).toBe('closed');
  });
});

/** Has this process's wall clock jump by hours, as one does that goes on while a machine sleeps. */
function sleepForHours(): void {
  jest.setSystemTime(Date.now() + 5 * HOURS_MS);
  // The timer that was due meanwhile fires now.
  jest.advanceTimersByTime(5000);
}

describe('a client on a machine that has slept for hours', () => {
  const reconnect = { minDelayMs: 1, maxDelayMs: 20 };

  beforeEach(() => {
    jest.useFakeTimers({
      doNotFake: ['queueMicrotask', 'nextTick', 'setTimeout', 'clearTimeout', 'setImmediate', 'performance'],
    });
    cleanUp(() => jest.useRealTimers());
  });

  it('looks at once whether its connection is still there', async () => {
    const server = await startServer();
    const proxy = await FaultyProxy.start(server.port);
    const client = rookery(proxy, { ...PATIENT, reconnect, token: () => tokenFor() });
    await client.connect();
    proxy.stall();
    sleepForHours();
    await until(client, 'reconnecting');
    await until(client, 'connected');
    expect(proxy.connections).toBe(2);
  });

  it('takes nothing for a sign of life that had come before it fell asleep', async () => {
    const server = await startServer();
    const proxy = await FaultyProxy.start(server.port);
    const connections: { readonly webSocket: WebSocket; readonly socket: Socket }[] = [];
    class Watched extends WebSocket {
      constructor(url: string, protocols: string[]) {
        super(url, protocols);
        this.once('upgrade', ({ socket }) => connections.push({ webSocket: this, socket }));
      }
    }
    // The server's clock jumps, too: the token must not end by that.
    const token = tokenFor({ exp: Math.floor(Date.now() / 1000) + 86_400 });
    const client = rookery(proxy, { ...PATIENT, reconnect, token, WebSocket: Watched });
    const changes = statesOf(client);
    const room = client.room('r');
    const seen = collect(room);
    await room.join();
    const [first] = connections;
    if (first === undefined) throw new Error('there is no connection');
    // What comes now is there, and not read by the client.
    first.webSocket.pause();
    const before = first.socket.bytesRead;
    await rookery(server, { user: 'bob' }).room('r').publish('unread');
    await eventually(
      () => first.socket.bytesRead,
      (bytes) => bytes > before,
    );
    proxy.stall();
    first.webSocket.resume();
    sleepForHours();
    await until(client, 'reconnecting');
    await until(client, 'connected');
    expect(changes).toContainEqual(expect.objectContaining({ state: 'reconnecting', reason: 'silent' }));
    expect(dataOf(seen)).toEqual(['unread']);
  });
});
