import { Injectable, type OnApplicationShutdown } from '@nestjs/common';

import { RookeryOptions } from '../config/rookery.options.js';
import { CLOSE_CODES } from '../protocol/close-codes.js';
import type { Connection, TokenEnd } from './connection.js';

const TICK_MS = 1000;
/** How far the wall clock may go ahead of the monotonic one until all ends are looked at again. */
const MAX_DRIFT_MS = 500;

/**
 * Ends connections with their tokens. Connections are kept by the second in which something is due, so that a tick
 * looks at those only, and a connection costs no timer of its own.
 *
 * A token ends when the time that it had left has passed, or earlier when the wall clock says so. A clock
 * that goes back prolongs no token. One that goes forward ends tokens, as it does where they are verified; so does a
 * machine that wakes up, whose monotonic clock may have slept.
 */
@Injectable()
export class TokenClock implements OnApplicationShutdown {
  private readonly due = new Map<number, Set<Connection>>();
  private readonly timer: NodeJS.Timeout;
  private reached = secondBefore(performance.now());
  private lead = leadOfWallClock();

  constructor(private readonly options: RookeryOptions) {
    this.timer = setInterval(() => this.tick(), TICK_MS).unref();
  }

  /** Starts watching, or starts again after the principal was replaced. */
  watch(connection: Connection): void {
    this.forget(connection);
    const { expiresAt } = connection.principal;
    if (expiresAt === undefined) return;
    const now = performance.now();
    const leftMs = expiresAt - Date.now();
    // Half way for one that lives less than twice that: early enough to renew it, and not at once, again and again.
    const noticeMs = Math.min(this.options.authExpiringMs, leftMs / 2);
    this.put(connection, { endsAt: now + leftMs, noticeAt: now + leftMs - noticeMs, second: 0 });
  }

  forget(connection: Connection): void {
    const { tokenEnd } = connection;
    if (tokenEnd === undefined) return;
    connection.tokenEnd = undefined;
    const set = this.due.get(tokenEnd.second);
    set?.delete(connection);
    if (set?.size === 0) this.due.delete(tokenEnd.second);
  }

  onApplicationShutdown(): void {
    clearInterval(this.timer);
  }

  private put(connection: Connection, tokenEnd: TokenEnd): void {
    const time = (tokenEnd.noticeAt ?? tokenEnd.endsAt) - aheadMs(connection, tokenEnd);
    tokenEnd.second = Math.max(secondAfter(time), this.reached + 1);
    let set = this.due.get(tokenEnd.second);
    if (set === undefined) this.due.set(tokenEnd.second, (set = new Set()));
    set.add(connection);
    connection.tokenEnd = tokenEnd;
  }

  private tick(): void {
    this.followWallClock();
    const from = this.reached;
    const now = secondBefore(performance.now());
    // Moved on first: what becomes due while these run belongs to a tick to come.
    this.reached = now;
    if (now - from > this.due.size) this.runAllBefore(now);
    else for (let second = from + 1; second <= now; second += 1) this.run(second);
  }

  /** Looks at all ends again when the wall clock has gone ahead: some of them may have come. */
  private followWallClock(): void {
    const lead = leadOfWallClock();
    const isAhead = lead - this.lead > MAX_DRIFT_MS;
    // A clock that has gone back may go ahead again.
    if (isAhead || lead < this.lead) this.lead = lead;
    if (!isAhead) return;
    const sets = [...this.due.values()];
    this.due.clear();
    for (const set of sets) {
      for (const connection of set) if (connection.tokenEnd !== undefined) this.put(connection, connection.tokenEnd);
    }
  }

  private runAllBefore(now: number): void {
    for (const second of this.due.keys()) if (second <= now) this.run(second);
  }

  private run(second: number): void {
    const set = this.due.get(second);
    this.due.delete(second);
    for (const connection of set ?? []) this.act(connection);
  }

  private act(connection: Connection): void {
    const { tokenEnd, principal } = connection;
    if (tokenEnd === undefined) return;
    const now = performance.now() + aheadMs(connection, tokenEnd);
    if (tokenEnd.endsAt <= now) {
      connection.tokenEnd = undefined;
      connection.close(CLOSE_CODES.TOKEN_EXPIRED, 'token expired');
      return;
    }
    if (tokenEnd.noticeAt !== undefined && tokenEnd.noticeAt <= now && principal.expiresAt !== undefined) {
      tokenEnd.noticeAt = undefined;
      connection.send('auth:expiring', { expiresAt: principal.expiresAt });
    }
    this.put(connection, tokenEnd);
  }
}

/** How much sooner a token ends by the wall clock than by the monotonic one. */
function aheadMs({ principal }: Connection, { endsAt }: TokenEnd): number {
  return Math.max(0, endsAt + leadOfWallClock() - (principal.expiresAt ?? Infinity));
}

/** How far the wall clock is ahead of the monotonic one. */
function leadOfWallClock(): number {
  return Date.now() - performance.now();
}

/** The last full second: what was due by then is due. */
function secondBefore(time: number): number {
  return Math.floor(time / 1000);
}

/** The first full second at which a time has come. */
function secondAfter(time: number): number {
  return Math.ceil(time / 1000);
}
