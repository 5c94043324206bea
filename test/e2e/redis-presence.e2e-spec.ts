import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join as path } from 'node:path';

import type { RookeryOptionsInput } from '../../src/config/rookery.options.js';
import { connect, join, type TestClient } from '../support/client.js';
import { startNodes } from '../support/cluster.js';
import { eventually } from '../support/eventually.js';
import { startProcess } from '../support/process.js';
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

async function twoNodes(): Promise<readonly [TestServer, TestServer]> {
  await redis.command('FLUSHALL');
  const [one, two] = await startNodes(redis, 2, OPTIONS);
  if (one === undefined || two === undefined) throw new Error('two nodes');
  return [one, two];
}

const memberAt = (node: TestServer, sub: string, room: string): Promise<TestClient> =>
  join(node, { claims: { sub } }, room);

describe('presence over two nodes', () => {
  it('tells of a user’s first connection and its last, wherever they are', async () => {
    const [one, two] = await twoNodes();
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

  it('takes the members of a node that was killed for gone within 15 seconds', async () => {
    const [one] = await twoNodes();
    const watcher = await memberAt(one, 'w', 'p');
    const node = startProcess({ REDIS_URL: redis.url, JWT_SECRET: SECRET, ROOMS_FILE: writeRules() });
    const address = `ws://127.0.0.1:${await node.port()}/ws`;
    const alice = await connect(one, { address });
    await alice.request('join', 'p');
    await watcher.next('presence:joined');
    node.kill('SIGKILL');
    const killedAt = performance.now();
    const { payload } = await eventually(
      () => watcher.takeAll('presence:left')[0] ?? { payload: undefined },
      (frame) => frame.payload !== undefined,
      20_000,
    );
    expect(payload).toMatchObject({ userId: 'alice' });
    expect(performance.now() - killedAt).toBeLessThan(15_000);
    const presence = (await watcher.request('presence', 'p')).payload as object;
    expect(presence).toMatchObject({ size: 1, members: [{ userId: 'w' }] });
    expect(presence).not.toHaveProperty('partial');
    expect(await redis.command('PUBSUB', 'CHANNELS', 'rookery:node:*')).toHaveLength(2);
  }, 60_000);
});

/** A file with the same rules, for a node that is a process of its own. */
function writeRules(): string {
  const folder = mkdtempSync(path(tmpdir(), 'rookery-rules-'));
  cleanUp(() => rmSync(folder, { recursive: true }));
  const file = path(folder, 'rooms.json');
  writeFileSync(file, JSON.stringify(OPTIONS.rooms));
  return file;
}
