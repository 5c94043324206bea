import { Injectable, type OnApplicationShutdown } from '@nestjs/common';

import { RookeryOptions } from '../config/rookery.options.js';
import type { Connection } from './connection.js';

/** Looks at each connection so many times in one ping interval, which bounds how late a dead one is found. */
const LOOKS_PER_INTERVAL = 4;
const MAX_SLOTS = 32;
const MIN_TICK_MS = 10;

/**
 * Finds connections whose other side is gone. Connections are spread over the slots of a wheel, so that pings are
 * spread over the interval. Any bytes that came count as life, the answer to a ping included; they are counted by the
 * socket, not by message.
 */
@Injectable()
export class Heartbeat implements OnApplicationShutdown {
  private readonly slots: Set<Connection>[];
  private readonly timer: NodeJS.Timeout;
  private next = 0;
  private hand = 0;

  constructor(private readonly options: RookeryOptions) {
    const { heartbeatIntervalMs, heartbeatTimeoutMs } = options;
    const round = (heartbeatIntervalMs || heartbeatTimeoutMs) / LOOKS_PER_INTERVAL;
    const slots = Math.max(1, Math.min(MAX_SLOTS, Math.floor(round / MIN_TICK_MS)));
    this.slots = Array.from({ length: slots }, () => new Set<Connection>());
    this.timer = setInterval(() => this.tick(performance.now()), round / slots).unref();
  }

  add(connection: Connection): void {
    connection.pulse.slot = this.next;
    this.slots[this.next]?.add(connection);
    this.next = (this.next + 1) % this.slots.length;
  }

  remove(connection: Connection): void {
    this.slots[connection.pulse.slot]?.delete(connection);
  }

  onApplicationShutdown(): void {
    clearInterval(this.timer);
  }

  private tick(now: number): void {
    this.hand = (this.hand + 1) % this.slots.length;
    for (const connection of this.slots[this.hand] ?? []) this.look(connection, now);
  }

  private look(connection: Connection, now: number): void {
    if (!this.isAlive(connection, now)) connection.terminate(connection.outbox.stuck ? 'stalled' : 'silent');
    else if (this.isDripping(connection, now)) connection.terminate('unfinished');
    else this.ping(connection, now);
  }

  private isAlive(connection: Connection, now: number): boolean {
    const { pulse, bytesRead, outbox } = connection;
    const stuck = outbox.stuck;
    const moved = bytesRead !== pulse.bytesRead || connection.paused || (stuck && outbox.hasProgressed());
    pulse.bytesRead = bytesRead;
    if (moved) pulse.seenAt = now;
    // Behind what it has not read, the client cannot see a ping: only the longer bound can tell.
    return now - pulse.seenAt < (stuck ? this.options.stallTimeoutMs : this.options.heartbeatTimeoutMs);
  }

  /** A message that never ends keeps its memory: it gets as long as silence does. */
  private isDripping(connection: Connection, now: number): boolean {
    const { pulse } = connection;
    if (!connection.isMidMessage) pulse.midMessageSince = 0;
    else if (pulse.midMessageSince === 0) pulse.midMessageSince = now;
    return pulse.midMessageSince > 0 && now - pulse.midMessageSince >= this.options.heartbeatTimeoutMs;
  }

  private ping(connection: Connection, now: number): void {
    const { heartbeatIntervalMs } = this.options;
    const slack = heartbeatIntervalMs / LOOKS_PER_INTERVAL / 2;
    if (heartbeatIntervalMs === 0 || now - connection.pulse.pingedAt < heartbeatIntervalMs - slack) return;
    connection.pulse.pingedAt = now;
    connection.ping();
  }
}
