import { Injectable, type OnApplicationShutdown } from '@nestjs/common';

import { RookeryOptions } from '../config/rookery.options.js';
import { CLOSE_CODES } from '../protocol/close-codes.js';
import type { Connection } from './connection.js';

const TICK_MS = 1000;

/**
 * Ends connections with their tokens. Connections are kept by the second in which something is due, so that a tick
 * looks at those only, and a connection costs no timer of its own.
 */
@Injectable()
export class TokenClock implements OnApplicationShutdown {
  private readonly due = new Map<number, Set<Connection>>();
  private readonly timer: NodeJS.Timeout;
  private reached = secondBefore(Date.now());

  constructor(private readonly options: RookeryOptions) {
    this.timer = setInterval(() => this.tick(), TICK_MS).unref();
  }

  /** Starts watching, or starts anew after the principal was replaced. */
  watch(connection: Connection): void {
    this.forget(connection);
    const { expiresAt } = connection.principal;
    if (expiresAt === undefined) return;
    // Half way for one that lives less than twice that: early enough to renew it, and not at once, again and again.
    const notice = Math.min(this.options.authExpiringMs, (expiresAt - Date.now()) / 2);
    this.at(expiresAt - notice, connection);
  }

  forget(connection: Connection): void {
    const { watchedUntil: key } = connection;
    if (key === undefined) return;
    connection.watchedUntil = undefined;
    const set = this.due.get(key);
    set?.delete(connection);
    if (set?.size === 0) this.due.delete(key);
  }

  onApplicationShutdown(): void {
    clearInterval(this.timer);
  }

  private at(time: number, connection: Connection): void {
    const key = Math.max(secondAfter(time), this.reached + 1);
    let set = this.due.get(key);
    if (set === undefined) this.due.set(key, (set = new Set()));
    set.add(connection);
    connection.watchedUntil = key;
  }

  private tick(): void {
    const from = this.reached;
    const now = secondBefore(Date.now());
    // Moved on first: what becomes due while these run belongs to a tick to come.
    this.reached = now;
    // The wall clock may jump: ahead, all seconds between are due; back, nothing is until it has caught up.
    if (now - from > this.due.size) this.runAllBefore(now);
    else for (let key = from + 1; key <= now; key += 1) this.run(key);
  }

  private runAllBefore(now: number): void {
    for (const key of this.due.keys()) if (key <= now) this.run(key);
  }

  private run(key: number): void {
    const set = this.due.get(key);
    this.due.delete(key);
    for (const connection of set ?? []) this.act(connection);
  }

  private act(connection: Connection): void {
    const { expiresAt } = connection.principal;
    if (expiresAt === undefined) return;
    if (expiresAt <= Date.now()) {
      connection.close(CLOSE_CODES.TOKEN_EXPIRED, 'token expired');
      return;
    }
    connection.send('auth:expiring', { expiresAt });
    this.at(expiresAt, connection);
  }
}

/** The last full second: what was due by then is due. */
function secondBefore(time: number): number {
  return Math.floor(time / 1000);
}

/** The first full second at which a time has come. */
function secondAfter(time: number): number {
  return Math.ceil(time / 1000);
}
