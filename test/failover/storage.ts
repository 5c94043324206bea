import { copyFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

import { PATIENCE_MS, eventually } from '../support/eventually.js';
import { startRedis, type TestRedis } from '../support/redis.js';
import { startSentinels, type Sentinels } from '../support/sentinels.js';

/** Faults of Redis. */
export type StorageFault = 'fail over' | 'kill master' | 'stop master' | 'go back';

/** The Redis of the nodes: several servers with sentinels, or one server. */
export interface Storage {
  /** Settings of the nodes that use it. */
  readonly settings: Readonly<Record<string, string>>;
  /**
   * Causes a fault, and ends it.
   *
   * @param tell records what happens
   */
  fault(kind: StorageFault, lastingMs: number, tell: (what: string) => void): Promise<void>;
}

/** Time limit for the old master to become a replica: sentinels watch it for 8 seconds before they tell it. */
const SETTLE_MS = 30_000;

/** A master, two replicas and three sentinels. */
export class SentinelStorage implements Storage {
  private constructor(private readonly sentinels: Sentinels) {}

  static async start(): Promise<SentinelStorage> {
    return new SentinelStorage(await startSentinels({ replicas: 2 }));
  }

  get settings(): Readonly<Record<string, string>> {
    const { addresses, name } = this.sentinels;
    return { REDIS_URL: 'redis://unused', REDIS_SENTINELS: addresses.join(','), REDIS_SENTINEL_NAME: name };
  }

  async fault(kind: StorageFault, lastingMs: number, tell: (what: string) => void): Promise<void> {
    const old = await this.master();
    if (kind === 'fail over') {
      const answers = await this.failOver();
      tell(`SENTINEL FAILOVER from ${this.nameOf(old)}: ${answers}`);
    } else if (kind === 'kill master') {
      await old.kill();
      tell(`master ${this.nameOf(old)} killed`);
    } else {
      old.pause();
      tell(`master ${this.nameOf(old)} stopped`);
      await delay(lastingMs);
      old.resume();
      tell(`${this.nameOf(old)} resumed`);
    }
    const master = await this.successor(old, kind === 'kill master');
    tell(`the sentinels name ${this.nameOf(master)}`);
    if (kind === 'kill master') {
      await delay(lastingMs);
      await old.launch({ replicaof: `127.0.0.1 ${master.port}` });
      tell(`${this.nameOf(old)} started again as a replica`);
    }
    tell((await this.settled(master)) ? 'all servers replicate' : 'the replicas have not found their master');
  }

  /** Asks one sentinel after another: each refuses while an earlier failover has not ended. */
  private async failOver(): Promise<string> {
    const answers = await this.sentinels.ask('PING');
    for (const [index] of answers.entries()) {
      const answer = await this.sentinels.askOne(index, 'SENTINEL', 'FAILOVER', this.sentinels.name).catch(String);
      if (answer === 'OK') return `sentinel ${index} agrees`;
      answers[index] = answer;
    }
    return answers.join(', ');
  }

  /** Returns the master after a fault, when all sentinels name the same one. */
  private async successor(old: TestRedis, must: boolean): Promise<TestRedis> {
    const isOther = (masters: readonly TestRedis[]): boolean =>
      new Set(masters).size === 1 && masters[0] !== undefined && masters[0] !== old;
    const masters = await eventually(() => this.masters(), isOther, must ? PATIENCE_MS : 8000).catch(() =>
      this.masters(),
    );
    return masters[0] ?? old;
  }

  private async settled(master: TestRedis): Promise<boolean> {
    const others = this.sentinels.servers.filter((server) => server !== master);
    const follow = `master_port:${master.port}`;
    return eventually(
      () =>
        Promise.all(others.map(async (server) => String(await server.command('INFO', 'replication').catch(String)))),
      (infos) => infos.every((info) => info.includes(follow) && info.includes('master_link_status:up')),
      SETTLE_MS,
    ).then(
      () => true,
      () => false,
    );
  }

  private async master(): Promise<TestRedis> {
    const [master] = await this.masters();
    return master ?? this.sentinels.master;
  }

  private async masters(): Promise<TestRedis[]> {
    const { servers, name } = this.sentinels;
    const answers = await this.sentinels.ask('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', name);
    return answers.flatMap((answer) => servers.find(({ port }) => String(answer) === `127.0.0.1,${port}`) ?? []);
  }

  private nameOf(server: TestRedis): string {
    return `s${this.sentinels.servers.indexOf(server)}`;
  }
}

const COPY_EVERY_MS = 1000;
const COPIES = 4;

/** One Redis server that restarts from earlier dumps. */
export class DumpStorage implements Storage {
  private readonly copies: { readonly file: string; readonly at: number }[] = [];
  private copying: Promise<void> = Promise.resolve();
  private ended = false;

  private constructor(private readonly redis: TestRedis) {
    this.copying = this.copyOften();
  }

  static async start(): Promise<DumpStorage> {
    return new DumpStorage(await startRedis());
  }

  get settings(): Readonly<Record<string, string>> {
    return { REDIS_URL: this.redis.url };
  }

  async fault(_kind: StorageFault, lastingMs: number, tell: (what: string) => void): Promise<void> {
    this.ended = true;
    await this.copying;
    const copy = this.copies.length === 0 ? undefined : this.copies[lastingMs % this.copies.length];
    await this.redis.kill();
    tell('Redis killed');
    if (copy !== undefined) copyFileSync(copy.file, this.dump);
    await delay(lastingMs % 2000);
    await this.redis.launch();
    const age = copy === undefined ? 'no copy' : `a copy of ${Math.round(performance.now() - copy.at)} ms before`;
    tell(`Redis started again from ${age}`);
    this.ended = false;
    this.copying = this.copyOften();
  }

  private get dump(): string {
    return join(this.redis.directory, 'dump.rdb');
  }

  private async copyOften(): Promise<void> {
    for (let n = 0; !this.ended && this.redis.isRunning; n += 1) {
      await this.redis.command('SAVE').then(
        () => this.keep(join(this.redis.directory, `copy-${performance.now()}-${n}.rdb`)),
        () => undefined,
      );
      for (let waited = 0; waited < COPY_EVERY_MS && !this.ended; waited += 50) await delay(50);
    }
  }

  private keep(file: string): void {
    copyFileSync(this.dump, file);
    this.copies.push({ file, at: performance.now() });
    if (this.copies.length > COPIES) this.copies.shift();
  }
}
