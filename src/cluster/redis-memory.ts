import { BrokerUnavailableError } from '../broker/broker.js';
import type { RedisClient } from '../broker/redis/redis-client.js';
import { Memory } from './memory.js';

/** How often all of it is read again, besides whenever the connection was away. */
const RELOAD_MS = 60_000;
/** How much longer Redis keeps what has ended: a node or a Redis whose clock is ahead must not delete it for all. */
const KEPT_LONGER_MS = 24 * 3600 * 1000;

/** What every node knows for a time, in a sorted set by when it ends. Members are the value, a blank and the name. */
export class RedisMemory extends Memory {
  private loadedAt = -Infinity;

  /** @param key the sorted set, which goes with the last of what is in it */
  constructor(
    private readonly client: RedisClient,
    private readonly key: string,
  ) {
    super();
  }

  /** @throws BrokerUnavailableError */
  async keep(name: string, value: number, expiresAt: number): Promise<void> {
    try {
      await this.client
        .multi()
        .zadd(this.key, expiresAt, `${value} ${name}`)
        .zremrangebyscore(this.key, '-inf', Date.now() - KEPT_LONGER_MS)
        .pexpireat(this.key, expiresAt + KEPT_LONGER_MS, 'NX')
        .pexpireat(this.key, expiresAt + KEPT_LONGER_MS, 'GT')
        .exec();
    } catch (error) {
      throw new BrokerUnavailableError(`Redis: ${error instanceof Error ? error.message : 'cannot be reached'}`);
    }
    this.add(name, value, expiresAt);
  }

  /** Reads all of it, now and then. */
  async refresh(): Promise<void> {
    if (performance.now() - this.loadedAt < RELOAD_MS) return;
    await this.load();
  }

  async load(): Promise<void> {
    const members = await this.client.zrangebyscore(this.key, Date.now(), '+inf', 'WITHSCORES');
    for (let index = 0; index + 1 < members.length; index += 2) {
      const member = members[index] ?? '';
      const blank = member.indexOf(' ');
      this.add(member.slice(blank + 1), Number(member.slice(0, blank)), Number(members[index + 1]));
    }
    this.loadedAt = performance.now();
    this.forgetExpired();
  }
}
