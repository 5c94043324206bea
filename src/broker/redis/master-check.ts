import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';

import { Redis } from 'ioredis';

import type { RookeryOptions } from '../../config/rookery.options.js';
import { sentinelsOf, type RedisClient } from './redis-client.js';

/** How long an answer holds: clients can make it necessary, and must not keep sentinels busy. */
const HOLDS_MS = 1000;

/** Finds out from the sentinels whether a connection leads to the master still, where nobody has said that it changed. */
export class MasterCheck {
  private answer: Promise<boolean> | undefined;
  private askedAt = 0;

  constructor(
    private readonly options: RookeryOptions,
    private readonly client: RedisClient,
  ) {}

  /** @returns false where a sentinel names another server; true without sentinels, and where none answers */
  isOnMaster(): Promise<boolean> {
    const { redisSentinelName: name } = this.options;
    if (name === undefined || !(this.client instanceof Redis)) return Promise.resolve(true);
    const now = performance.now();
    if (this.answer === undefined || now - this.askedAt > HOLDS_MS) {
      this.askedAt = now;
      this.answer = this.askAll(name, this.client);
    }
    return this.answer;
  }

  private async askAll(name: string, { stream }: Redis): Promise<boolean> {
    const { remoteAddress, remotePort } = stream;
    const opinions = await Promise.all(
      sentinelsOf(this.options).map(async ({ host, port }) => {
        const named = await this.ask(host, port, name);
        return named === undefined || (named.port === remotePort && named.addresses.includes(remoteAddress ?? ''));
      }),
    );
    return opinions.every(Boolean);
  }

  private async ask(
    host: string,
    port: number,
    name: string,
  ): Promise<{ readonly addresses: readonly string[]; readonly port: number } | undefined> {
    const { redisTimeoutMs: timeout } = this.options;
    const sentinel = new Redis({
      host,
      port,
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
      const [master = '', masterPort] = named.map(String);
      return { addresses: await addressesOf(master), port: Number(masterPort) };
    } catch {
      return undefined;
    } finally {
      sentinel.disconnect();
    }
  }
}

async function addressesOf(host: string): Promise<string[]> {
  return isIP(host) === 0 ? (await lookup(host, { all: true })).map(({ address }) => address) : [host];
}
