import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { Redis } from 'ioredis';

import { eventually } from './eventually.js';
import { freePort, REDIS_SERVER, startRedis, type TestRedis } from './redis.js';
import { inSync } from './redis-cluster.js';
import { cleanUp } from './teardown.js';

const SENTINELS = 3;
const QUORUM = 2;
const PATIENCE_MS = 120_000;

/** A master, its replicas, and sentinels who soon notice that it is gone. All of it goes with the test. */
export interface Sentinels {
  readonly name: string;
  /** The master at first. */
  readonly master: TestRedis;
  /** The first replica. */
  readonly replica: TestRedis;
  /** The master and all replicas. */
  readonly servers: readonly TestRedis[];
  /** As `host:port`. */
  readonly addresses: readonly string[];
  /** Resolves when the sentinels name this server. */
  promoted(server: TestRedis): Promise<void>;
  /** Asks each sentinel the same, and returns the answers. */
  ask(command: string, ...args: string[]): Promise<unknown[]>;
  /** Asks one sentinel, by its place in `addresses`. */
  askOne(sentinel: number, command: string, ...args: string[]): Promise<unknown>;
}

export interface SentinelSettings {
  /** @default 'main' */
  readonly name?: string;
  /** Number of replicas, one at least. @default 1 */
  readonly replicas?: number;
}

export async function startSentinels({ name = 'main', replicas = 1 }: SentinelSettings = {}): Promise<Sentinels> {
  const config = { 'repl-diskless-sync-delay': '0' };
  const [master, replica] = [await startRedis({ config }), await startRedis({ config })];
  const servers = [master, replica];
  while (servers.length <= replicas) servers.push(await startRedis({ config }));
  for (const each of servers.slice(1)) {
    await each.command('REPLICAOF', '127.0.0.1', String(master.port));
    await inSync(each);
  }
  const ports: number[] = [];
  for (let n = 0; n < SENTINELS; n += 1) ports.push(await startSentinel(name, master.port));
  // A failover takes that they know each other, and the replicas.
  for (const port of ports) {
    await eventually(
      async () => String(await ask(port, 'SENTINEL', 'MASTER', name)),
      (about) => about.includes(`num-slaves,${replicas},num-other-sentinels,${SENTINELS - 1}`),
      PATIENCE_MS,
    );
  }
  return {
    name,
    master,
    replica,
    servers,
    addresses: ports.map((port) => `127.0.0.1:${port}`),
    promoted: async (server) => {
      for (const port of ports) {
        await eventually(
          async () => String(await ask(port, 'SENTINEL', 'GET-MASTER-ADDR-BY-NAME', name)),
          (address) => address === `127.0.0.1,${server.port}`,
          PATIENCE_MS,
        );
      }
    },
    ask: (command, ...args) => Promise.all(ports.map((port) => ask(port, command, ...args))),
    askOne: (sentinel, command, ...args) => ask(ports[sentinel] ?? 0, command, ...args),
  };
}

async function startSentinel(name: string, masterPort: number): Promise<number> {
  const directory = mkdtempSync(join(tmpdir(), 'rookery-sentinel-'));
  const port = await freePort();
  const file = join(directory, 'sentinel.conf');
  const lines = [
    `port ${port}`,
    'bind 127.0.0.1',
    `dir ${directory}`,
    `sentinel monitor ${name} 127.0.0.1 ${masterPort} ${QUORUM}`,
    `sentinel down-after-milliseconds ${name} 1000`,
    `sentinel failover-timeout ${name} 5000`,
  ];
  writeFileSync(file, `${lines.join('\n')}\n`);
  const child = spawn(REDIS_SERVER, [file, '--sentinel'], { stdio: 'ignore' });
  cleanUp(async () => {
    const exited = once(child, 'exit');
    child.kill('SIGKILL');
    await exited;
    rmSync(directory, { recursive: true, force: true });
  });
  await eventually(
    () => ask(port, 'PING').catch(String),
    (answer) => answer === 'PONG',
    PATIENCE_MS,
  );
  return port;
}

async function ask(port: number, name: string, ...args: string[]): Promise<unknown> {
  const client = new Redis(port, '127.0.0.1', { retryStrategy: () => null, lazyConnect: true });
  client.on('error', () => undefined);
  await client.connect();
  try {
    return await client.call(name, ...args);
  } finally {
    client.disconnect();
  }
}
