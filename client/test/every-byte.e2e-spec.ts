import { eventually } from '../../test/support/eventually.js';
import { dataOf } from '../../test/support/messages.js';
import { startServer, type TestServer } from '../../test/support/server.js';
import type { RookeryClient } from '../src/index.js';
import { FaultyProxy, type Fault } from './support/faulty-proxy.js';
import { collect, rookery } from './support/rookery.js';

const PATIENCE_MS = 3_600_000;
/** Bytes from one place of a fault to the next; `npm run test:soak` has one at every byte. */
const STRIDE = Number(process.env['SOAK_STRIDE'] ?? 13);
/** So many sessions at a time. */
const LANES = 6;

/** What one of them may take on a busy machine. */
const SESSION_MS = 120_000;

/** How soon a client finds out that its connection is dead, or never comes about. */
const SOON = { liveness: { intervalMs: 60, timeoutMs: 200 }, connectTimeoutMs: 1000 };
const LATE = { liveness: { intervalMs: 60_000, timeoutMs: 60_000 }, connectTimeoutMs: 60_000 };

let sessions = 0;

/** What an application does in its day: join, publish, listen, read history. */
async function session(
  proxy: FaultyProxy,
  bob: RookeryClient,
  faults: readonly Fault[],
  patience: typeof SOON = SOON,
): Promise<void> {
  const name = `s${(sessions += 1)}`;
  proxy.expect(...faults);
  const alice = rookery(proxy, {
    user: `alice-${name}`,
    ...patience,
    requestTimeoutMs: 0,
  });
  const [one, other] = [alice.room(name), bob.room(name)];
  const [seenByAlice, seenByBob] = [collect(one), collect(other)];
  const gaps: unknown[] = [];
  one.on('gap', (gap) => gaps.push(gap));
  await Promise.all([one.join(), other.join()]);
  const acks = await Promise.all([
    one.publish('a1'),
    other.publish('b1'),
    one.publish('a2'),
    one.publish('a3'),
    other.publish('b2'),
    one.publish('a4'),
  ]);
  const last = await one.publish('a5');
  await eventually(
    () => [seenByAlice.length, seenByBob.length],
    ([first = 0, second = 0]) => first >= 7 && second >= 7,
  );
  const kept: unknown[] = [];
  for await (const { data } of one.history({ pageSize: 3 })) kept.push(data);

  const offsets = seenByAlice.map(({ offset }) => offset);
  const where = JSON.stringify(faults);
  expect([where, offsets]).toEqual([where, [1, 2, 3, 4, 5, 6, 7]]);
  expect([where, dataOf(seenByBob)]).toEqual([where, dataOf(seenByAlice)]);
  expect([where, kept]).toEqual([where, dataOf(seenByAlice)]);
  expect([
    where,
    dataOf(seenByAlice)
      .map(String)
      .toSorted((a, b) => a.localeCompare(b)),
  ]).toEqual([where, ['a1', 'a2', 'a3', 'a4', 'a5', 'b1', 'b2']]);
  expect(new Set([...acks, last].map(({ offset }) => offset)).size).toBe(7);
  expect(gaps).toEqual([]);
  await Promise.all([alice.close(), other.leave()]);
}

/** Runs sessions side by side, each through a proxy of its own lane. */
async function runAll(server: TestServer, all: readonly (readonly Fault[])[]): Promise<void> {
  const bob = rookery(server, { user: 'bob' });
  const waiting = [...all];
  const lane = async (): Promise<void> => {
    const proxy = await FaultyProxy.start(server.port);
    for (let faults = waiting.shift(); faults !== undefined; faults = waiting.shift()) {
      await within(SESSION_MS, session(proxy, bob, faults), JSON.stringify(faults));
    }
  };
  await Promise.all(Array.from({ length: LANES }, lane));
  await bob.close();
}

/** A session that hangs says where. */
async function within<T>(ms: number, what: Promise<T>, where: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`not done in time: ${where}`)), ms);
  });
  try {
    return await Promise.race([what, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** How many bytes a session takes that nothing happens to. */
async function measure(server: TestServer): Promise<{ up: number; down: number }> {
  const proxy = await FaultyProxy.start(server.port);
  const bob = rookery(server, { user: 'bob' });
  await session(proxy, bob, [], LATE);
  expect(proxy.connections).toBe(1);
  return proxy.bytes;
}

/** Returns positions in a run of bytes, one in each stride, from the first byte on. */
function everyFew(bytes: number, stride: number): number[] {
  return Array.from({ length: Math.ceil(bytes / stride) }, (_none, index) => index * stride);
}

const options = { rateLimit: 0, maxConnectionsPerAddress: 0 } as const;

describe('the wire', () => {
  it.each(['up', 'down'] as const)(
    'may be cut at any byte, %s: each message comes once and in order, and each publish takes effect once',
    async (direction) => {
      const server = await startServer(options);
      const bytes = await measure(server);
      expect(bytes[direction]).toBeGreaterThan(500);
      const positions = everyFew(bytes[direction], STRIDE);
      await runAll(
        server,
        positions.map((after) => [{ direction, after, kind: 'cut' }]),
      );
    },
    PATIENCE_MS,
  );

  it(
    'may go dead without a word at any place: the client finds out by itself',
    async () => {
      const server = await startServer(options);
      const bytes = await measure(server);
      const faults: Fault[] = [];
      for (const direction of ['up', 'down'] as const) {
        for (const after of everyFew(bytes[direction], 5 * STRIDE)) faults.push({ direction, after, kind: 'stall' });
      }
      await runAll(
        server,
        faults.map((fault) => [fault]),
      );
    },
    PATIENCE_MS,
  );

  it(
    'may be cut again and again, at places that have nothing to do with each other',
    async () => {
      const server = await startServer(options);
      const bytes = await measure(server);
      const faults = Array.from({ length: Math.ceil(400 / STRIDE) }, (_none, index): Fault[] =>
        [7, 13, 29, 31, 37].map((step, turn) => ({
          direction: turn % 2 === 0 ? 'up' : 'down',
          after: (index * step) % bytes[turn % 2 === 0 ? 'up' : 'down'],
          kind: turn === 3 ? 'stall' : 'cut',
        })),
      );
      await runAll(server, faults);
    },
    PATIENCE_MS,
  );
});
