import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

import { Redis } from 'ioredis';

import type { RookeryOptions } from '../../config/rookery.options.js';
import { cutRedisClient, retryDelayMs, sentinelsOf, streamOf, type RedisClient } from './redis-client.js';

/** Sent shortly before a promotion. The old master loses all that it accepts after the promotion. */
const PROMOTING = '+failover-state-send-slaveof-noone';
/** Sent by each sentinel when it learns of a new master. */
const SWITCHED = '+switch-master';
/** Sent if the promotion failed. */
const ABORTED = '-failover-abort-slave-timeout';

/** Cache lifetime of the sentinels' answers: a client can trigger the question, and must not cause load by it. */
const HOLDS_MS = 1000;

/** Limit on the time for which a new connection waits for the sentinels to confirm it. */
const CONFIRMATION_MS = 500;

/** Address of the master according to one sentinel. */
interface Master {
  readonly addresses: readonly string[];
  readonly port: number;
}

/** Receives that a promotion begins, or that it failed. */
export interface MasterListener {
  onReplacing(isReplacing: boolean): void;
}

/**
 * Switches connections to a new master at once. The old master is demoted some ten seconds later, and loses what it
 * accepts until then.
 *
 * The failover detector of ioredis does not report that a promotion begins, and misses one that happens while a client
 * connects.
 */
export class SentinelWatch {
  private readonly sentinels: Redis[];
  private readonly name: string | undefined;
  private answer: Promise<readonly Master[]> | undefined;
  private askedAt = 0;
  /** Clients that have connected, while the sentinels are asked whether it is to the master. */
  private readonly confirming = new Map<RedisClient, Promise<void>>();

  constructor(
    private readonly options: RookeryOptions,
    private readonly clients: readonly RedisClient[],
    private readonly listener?: MasterListener,
  ) {
    this.name = options.redisSentinelName;
    this.sentinels = this.name === undefined ? [] : sentinelsOf(options).map((address) => this.listenTo(address));
    if (this.name !== undefined) for (const client of clients) client.on('ready', () => this.confirm(client));
  }

  /** Returns false while the sentinels are asked about a new connection of a client. */
  isConfirmed(client: RedisClient): boolean {
    return !this.confirming.has(client);
  }

  /** Resolves when the sentinels were asked about all connections. */
  async confirmed(): Promise<void> {
    await Promise.all(this.confirming.values());
  }

  /** Registers a listener for connections of a client, called when the sentinels, if there are any, have confirmed it. */
  onConnected(client: RedisClient, listener: () => void): void {
    client.on('ready', () => {
      const confirming = this.confirming.get(client);
      const proceed = (): void => {
        if (this.isConfirmed(client) && streamOf(client) !== undefined) listener();
      };
      if (confirming === undefined) listener();
      else void confirming.then(proceed);
    });
  }

  /**
   * Asks the sentinels about a new connection: the master may have changed while the client connected. A server that
   * hangs accepts connections, and answers them when it comes back as an old master.
   */
  private confirm(client: RedisClient): void {
    const confirming = Promise.race([this.check(), delay(CONFIRMATION_MS, undefined, { ref: false })]).finally(() => {
      if (this.confirming.get(client) === confirming) this.confirming.delete(client);
    });
    this.confirming.set(client, confirming);
  }

  stop(): void {
    for (const sentinel of this.sentinels) sentinel.disconnect();
  }

  /** Returns false if a sentinel names another server; true without sentinels, or if none answers. */
  async isOnMaster(): Promise<boolean> {
    const now = performance.now();
    if (this.answer === undefined || now - this.askedAt > HOLDS_MS) {
      this.askedAt = now;
      this.answer = this.askAll();
    }
    const masters = await this.answer;
    return this.clients.every((client) => masters.every((master) => isAt(client, master)));
  }

  private listenTo(address: { readonly host: string; readonly port: number }): Redis {
    const sentinel = new Redis({
      ...address,
      connectTimeout: this.options.redisTimeoutMs,
      enableReadyCheck: false,
      maxRetriesPerRequest: null,
      retryStrategy: (attempt) => retryDelayMs(attempt),
    });
    sentinel.on('error', () => undefined);
    sentinel.on('message', (channel: string, text: string) => this.take(channel, text));
    // Messages sent while it was disconnected are lost.
    sentinel.on('ready', () => void this.check());
    sentinel.subscribe(PROMOTING, SWITCHED, ABORTED).catch(() => undefined);
    return sentinel;
  }

  private take(channel: string, text: string): void {
    const parts = text.split(' ');
    if (channel !== SWITCHED) {
      // `master main 10.0.0.1 6379`, or `slave 10.0.0.2:6379 10.0.0.2 6379 @ main 10.0.0.1 6379`.
      const name = parts[0] === 'master' ? parts[1] : parts[5];
      if (name === this.name) this.listener?.onReplacing(channel === PROMOTING);
      return;
    }
    // `main 10.0.0.1 6379 10.0.0.2 6379`: the old one and the new.
    if (parts[0] !== this.name) return;
    const [, , , host = '', port] = parts;
    // Synchronous: after a pause of this process, pending requests must not reach the old master first.
    if (isIP(host) !== 0) this.leaveAllBut([{ addresses: [host], port: Number(port) }]);
    else void this.check();
  }

  /** Closes connections to servers that no sentinel names. A sentinel that has not heard of a failover names the old one. */
  private async check(): Promise<void> {
    const masters = await this.askMost();
    if (masters.length > 0) this.leaveAllBut(masters);
  }

  /** Clients that are about to connect are checked when they have. */
  private leaveAllBut(masters: readonly Master[]): void {
    this.answer = undefined;
    for (const client of this.clients) {
      if (!masters.some((master) => isAt(client, master))) cutRedisClient(client);
    }
  }

  private async askAll(): Promise<readonly Master[]> {
    const answers = await Promise.all(this.questions());
    return answers.filter((master) => master !== undefined);
  }

  /** Returns the answers of a majority: a sentinel that is gone delays nothing. */
  private askMost(): Promise<readonly Master[]> {
    const questions = this.questions();
    const most = Math.floor(questions.length / 2) + 1;
    return new Promise((resolve) => {
      const answers: Master[] = [];
      let open = questions.length;
      for (const question of questions) {
        void question.then((master) => {
          open -= 1;
          if (master !== undefined) answers.push(master);
          if (answers.length === most || open === 0) resolve(answers);
        });
      }
    });
  }

  private questions(): Promise<Master | undefined>[] {
    const { name } = this;
    return name === undefined ? [] : sentinelsOf(this.options).map((address) => this.ask(address, name));
  }

  /** Returns undefined if the sentinel does not answer. */
  private async ask(
    address: { readonly host: string; readonly port: number },
    name: string,
  ): Promise<Master | undefined> {
    const { redisTimeoutMs: timeout } = this.options;
    const sentinel = new Redis({
      ...address,
      lazyConnect: true,
      retryStrategy: () => null,
      connectTimeout: timeout,
      commandTimeout: timeout,
      enableReadyCheck: false,
    });
    sentinel.on('error', () => undefined);
    try {
      await sentinel.connect();
      const named = await sentinel.call('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', name);
      if (!Array.isArray(named)) return undefined;
      const [host = '', port] = named.map(String);
      return { addresses: await addressesOf(host), port: Number(port) };
    } catch {
      return undefined;
    } finally {
      sentinel.disconnect();
    }
  }
}

/** Returns true also if the client is not connected. */
function isAt(client: RedisClient, { addresses, port }: Master): boolean {
  const stream = streamOf(client);
  if (stream === undefined) return true;
  const { remoteAddress = '', remotePort } = stream;
  return remotePort === port && addresses.includes(remoteAddress);
}

async function addressesOf(host: string): Promise<string[]> {
  return isIP(host) === 0 ? (await lookup(host, { all: true })).map(({ address }) => address) : [host];
}
