import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { Redis } from 'ioredis';

import { eventually } from './eventually.js';
import { cleanUp } from './teardown.js';

/** How long a redis-server may take to start or to end, on a busy machine. */
const PATIENCE_MS = 120_000;

/** The server that tests start: `REDIS_SERVER` names another one, such as `valkey-server`. */
export const REDIS_SERVER = process.env['REDIS_SERVER'] ?? 'redis-server';

export interface RedisSettings {
  /** Keeps its data over a restart, however it ended: an append-only file. @default false */
  readonly persistent?: boolean;
  /** Further lines of its configuration. */
  readonly config?: Readonly<Record<string, string>>;
}

/** A redis-server of the test's own, on a free port, with a directory of its own. */
export class TestRedis {
  readonly directory = mkdtempSync(join(tmpdir(), 'rookery-redis-'));
  private process: ChildProcess | undefined;

  private constructor(
    readonly port: number,
    readonly settings: RedisSettings,
  ) {}

  /** For all tests of a file: it has to be removed when they are done. */
  static async start(settings: RedisSettings = {}): Promise<TestRedis> {
    const redis = new TestRedis(await freePort(), settings);
    await redis.launch();
    return redis;
  }

  get isRunning(): boolean {
    return this.process !== undefined;
  }

  get url(): string {
    return `redis://127.0.0.1:${this.port}`;
  }

  /**
   * Starts it again after {@link kill}, with what its directory has.
   *
   * @param more lines of configuration for this start alone
   */
  async launch(more: Readonly<Record<string, string>> = {}): Promise<void> {
    const { persistent = false, config = {} } = this.settings;
    const settings = {
      port: String(this.port),
      bind: '127.0.0.1',
      dir: this.directory,
      save: '',
      appendonly: persistent ? 'yes' : 'no',
      // By default, it answers up to two seconds before it has written what it answers.
      appendfsync: 'always',
      ...config,
      ...more,
    };
    const args = Object.entries(settings).flatMap(([name, value]) => [`--${name}`].concat(value.split(' ')));
    this.process = spawn(REDIS_SERVER, args, { stdio: 'ignore' });
    await this.answers();
  }

  /** SIGKILL; what is not in its directory is lost. */
  async kill(): Promise<void> {
    const { process } = this;
    this.process = undefined;
    if (process === undefined || process.exitCode !== null) return;
    const exited = once(process, 'exit');
    process.kill('SIGCONT');
    process.kill('SIGKILL');
    await exited;
  }

  /** Ends it by force and starts it again: with its data where it is persistent, and else without. */
  async restart(): Promise<void> {
    await this.kill();
    await this.launch();
  }

  /** Loses what it has kept; to be called while it does not run. */
  forget(): void {
    rmSync(this.directory, { recursive: true, force: true });
    mkdirSync(this.directory);
  }

  /** Answers nobody any more, and keeps its connections. */
  pause(): void {
    this.process?.kill('SIGSTOP');
  }

  resume(): void {
    this.process?.kill('SIGCONT');
  }

  /** One command, over a connection of its own. */
  async command(name: string, ...args: string[]): Promise<unknown> {
    const client = new Redis(this.port, '127.0.0.1', { retryStrategy: () => null, lazyConnect: true });
    client.on('error', () => undefined);
    try {
      await client.connect();
      return await client.call(name, ...args);
    } finally {
      // After a failure there is nothing to end, and ending it would leave a timer behind.
      if (client.status === 'ready') client.disconnect();
    }
  }

  /** How often commands were called since the server started, by scripts as well. */
  async calls(...commands: string[]): Promise<number[]> {
    const stats = String(await this.command('INFO', 'commandstats'));
    return commands.map((name) => Number(new RegExp(`^cmdstat_${name}:calls=(\\d+)`, 'm').exec(stats)?.[1] ?? 0));
  }

  /** Cuts all connections but the one that says so. */
  async cutConnections(): Promise<void> {
    for (const type of ['normal', 'pubsub']) await this.command('CLIENT', 'KILL', 'TYPE', type, 'SKIPME', 'yes');
  }

  private async answers(): Promise<void> {
    await eventually(
      async () => this.command('PING').catch(String),
      (answer) => answer === 'PONG',
      PATIENCE_MS,
    );
  }

  async remove(): Promise<void> {
    await this.kill();
    rmSync(this.directory, { recursive: true, force: true });
  }
}

/** A redis-server that is gone at the end of the test. */
export async function startRedis(settings: RedisSettings = {}): Promise<TestRedis> {
  const redis = await TestRedis.start(settings);
  cleanUp(() => redis.remove());
  return redis;
}

/** A port that nobody listens on, yet. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
