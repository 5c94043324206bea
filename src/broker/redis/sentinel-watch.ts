import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';

import { Redis } from 'ioredis';

import type { RookeryOptions } from '../../config/rookery.options.js';
import { cutRedisClient, retryDelayMs, sentinelsOf, type RedisClient } from './redis-client.js';

/** Said just before a replica is promoted: what the old master takes from then on is lost. */
const PROMOTING = '+failover-state-send-slaveof-noone';
/** Said by each sentinel when it knows that another server is the master. */
const SWITCHED = '+switch-master';
/** Said where nothing is promoted after all. */
const ABORTED = '-failover-abort-slave-timeout';

/** How long an answer of the sentinels holds: clients can make it necessary, and must not keep them busy. */
const HOLDS_MS = 1000;

/** Where a sentinel says that the master is. */
interface Master {
  readonly addresses: readonly string[];
  readonly port: number;
}

/** Told that the master is about to be replaced, or is after all not. */
export interface MasterListener {
  onReplacing(isReplacing: boolean): void;
}

/**
 * Follows what sentinels say, so that connections leave a master that is replaced at once: it takes what it is sent
 * until it is told so itself, ten seconds later, and loses it.
 *
 * ioredis could follow them for each connection by itself. It would not say that a replacement is about to happen, and
 * misses one that happens while it connects.
 */
export class SentinelWatch {
  private readonly sentinels: Redis[];
  private readonly name: string | undefined;
  private answer: Promise<readonly Master[]> | undefined;
  private askedAt = 0;

  constructor(
    private readonly options: RookeryOptions,
    private readonly clients: readonly RedisClient[],
    private readonly listener?: MasterListener,
  ) {
    this.name = options.redisSentinelName;
    this.sentinels = this.name === undefined ? [] : sentinelsOf(options).map((address) => this.listenTo(address));
    // It may have been found just before another took its place.
    if (this.name !== undefined) for (const client of clients) client.on('ready', () => void this.check());
  }

  stop(): void {
    for (const sentinel of this.sentinels) sentinel.disconnect();
  }

  /** @returns false where a sentinel names another server; true without sentinels, and where none answers */
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
    // What it said meanwhile is missed.
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
    // At once: requests that came while this process was stopped must not go to the old one first.
    if (isIP(host) !== 0) this.leaveAllBut([{ addresses: [host], port: Number(port) }]);
    else void this.check();
  }

  /** Leaves servers that no sentinel names: those that have not heard yet of a new master name the old one. */
  private async check(): Promise<void> {
    const masters = await this.askAll();
    if (masters.length > 0) this.leaveAllBut(masters);
  }

  /** A connection that is on its way to a server is looked at when it is there. */
  private leaveAllBut(masters: readonly Master[]): void {
    this.answer = undefined;
    for (const client of this.clients) {
      if (!masters.some((master) => isAt(client, master))) cutRedisClient(client);
    }
  }

  private async askAll(): Promise<readonly Master[]> {
    const { name } = this;
    if (name === undefined) return [];
    const answers = await Promise.all(sentinelsOf(this.options).map((address) => this.ask(address, name)));
    return answers.filter((master) => master !== undefined);
  }

  /** @returns undefined where it does not answer */
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

/** True also where it is connected to nobody. */
function isAt(client: RedisClient, { addresses, port }: Master): boolean {
  if (!(client instanceof Redis) || client.status !== 'ready') return true;
  const { remoteAddress = '', remotePort } = client.stream;
  return remotePort === port && addresses.includes(remoteAddress);
}

async function addressesOf(host: string): Promise<string[]> {
  return isIP(host) === 0 ? (await lookup(host, { all: true })).map(({ address }) => address) : [host];
}
