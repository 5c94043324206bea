import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join as path } from 'node:path';

import type { RookeryOptionsInput } from '../../src/config/rookery.options.js';
import { connect, join, type TestClient } from '../support/client.js';
import { startNodes } from '../support/cluster.js';
import { BUSY_MS, eventually } from '../support/eventually.js';
import { startProcess, type ServerProcess } from '../support/process.js';
import { TestRedis } from '../support/redis.js';
import { SECRET, type TestServer } from '../support/server.js';
import { cleanUp } from '../support/teardown.js';

const OPTIONS: RookeryOptionsInput = {
  rooms: [{ pattern: 'p*', presence: true }],
  presenceGraceMs: 50,
  presenceIntervalMs: 10,
};

let redis: TestRedis;

beforeAll(async () => {
  redis = await TestRedis.start();
});

afterAll(() => redis.remove());

async function twoNodes(more: RookeryOptionsInput = {}): Promise<readonly [TestServer, TestServer]> {
  await redis.command('FLUSHALL');
  const [one, two] = await startNodes(redis, 2, { ...OPTIONS, ...more });
  if (one === undefined || two === undefined) throw new Error('two nodes');
  return [one, two];
}

const memberAt = (node: TestServer, sub: string, room: string): Promise<TestClient> =>
  join(node, { claims: { sub } }, room);

describe('presence over two nodes', () => {
  it('tells of a user’s first connection and its last, wherever they are', async () => {
    // Time enough for the one node to hear of the second connection before it gives up the first.
    const [one, two] = await twoNodes({ presenceGraceMs: 3000 });
    const watchers = [await memberAt(one, 'w1', 'p'), await memberAt(two, 'w2', 'p')];
    await watchers[0]?.next('presence:joined');
    const first = await memberAt(one, 'alice', 'p');
    for (const watcher of watchers) expect((await watcher.next('presence:joined')).payload.userId).toBe('alice');
    const second = await memberAt(two, 'alice', 'p');
    await first.close();
    // Whoever comes later is told later: nothing was said of alice in between.
    await memberAt(one, 'bob', 'p');
    for (const watcher of watchers) {
      expect((await watcher.next('presence:joined')).payload.userId).toBe('bob');
      expect(watcher.takeAll('presence:left')).toEqual([]);
    }
    await second.close();
    for (const watcher of watchers) expect((await watcher.next('presence:left')).payload.userId).toBe('alice');
  });

  it('is not told of who was there already, and is of their leaving', async () => {
    const [one, two] = await twoNodes();
    const early = await memberAt(one, 'early', 'p');
    const alice = await memberAt(one, 'alice', 'p');
    // What is told of alice has been told by now: whoever comes in that moment may hear it, too.
    expect((await early.next('presence:joined')).payload.userId).toBe('alice');
    const watcher = await memberAt(two, 'w', 'p');
    await eventually(
      async () => (await watcher.request('presence', 'p')).payload as { size: number },
      ({ size }) => size === 3,
    );
    await alice.next('presence:joined');
    expect(watcher.takeAll('presence:joined')).toEqual([]);
    await alice.close();
    expect((await watcher.next('presence:left')).payload.userId).toBe('alice');
  });

  it('catches up on what was missed while the nodes could not hear each other', async () => {
    const [one, two] = await twoNodes();
    const watcher = await memberAt(one, 'w', 'p');
    const alice = await memberAt(two, 'alice', 'p');
    await watcher.next('presence:joined');
    await redis.cutConnections();
    await alice.close();
    expect((await watcher.next('presence:left')).payload.userId).toBe('alice');
  });

  it('takes the members of a node that was killed for gone within 15 seconds, and those of one that sleeps until it wakes', async () => {
    const [one] = await twoNodes();
    const watcher = await memberAt(one, 'w', 'p');
    const settings = { REDIS_URL: redis.url, JWT_SECRET: SECRET, ROOMS_FILE: writeRules() };
    const [killed, asleep] = [startProcess(settings), startProcess(settings)];
    const [alice, bob] = [await connectTo(killed, 'alice'), await connectTo(asleep, 'bob')];
    for (const member of [alice, bob]) {
      await member.request('join', 'p');
      await watcher.next('presence:joined');
    }
    bob.takeAll('presence:joined');
    asleep.kill('SIGSTOP');
    killed.kill('SIGKILL');
    const killedAt = performance.now();
    const gone = await eventually(
      () => watcher.queue.filter(({ type }) => type === 'presence:left').map(({ payload }) => payload.userId as string),
      ({ length }) => length === 2,
    );
    expect(gone.toSorted()).toEqual(['alice', 'bob']);
    expect(performance.now() - killedAt).toBeLessThan(15_000 + BUSY_MS);
    asleep.kill('SIGCONT');
    expect((await watcher.next('presence:joined')).payload.userId).toBe('bob');
    // A node that has just woken may be slow to answer, and is then said to be missing.
    const presence = await eventually(
      async () => (await watcher.request('presence', 'p')).payload as { members: { userId: string }[]; partial?: true },
      ({ partial }) => partial === undefined,
    );
    expect(presence.members.map(({ userId }) => userId).toSorted()).toEqual(['bob', 'w']);
    // The sleeper does not take its own sleep for the others' end.
    await bob.settle();
    expect(bob.takeAll('presence:left').map(({ payload }) => payload.userId as string)).not.toContain('w');
    expect(await redis.command('PUBSUB', 'SHARDCHANNELS', 'rookery:{nodes}:node:*')).toHaveLength(3);
  });
});

async function connectTo(node: ServerProcess, sub: string): Promise<TestClient> {
  const address = `ws://127.0.0.1:${await node.port()}/ws`;
  return connect({ ws: address }, { claims: { sub } });
}

/** A file with the same rules, for a node that is a process of its own. */
function writeRules(): string {
  const folder = mkdtempSync(path(tmpdir(), 'rookery-rules-'));
  cleanUp(() => rmSync(folder, { recursive: true }));
  const file = path(folder, 'rooms.json');
  writeFileSync(file, JSON.stringify(OPTIONS.rooms));
  return file;
}
