import { randomBytes } from 'node:crypto';

import { Injectable, type OnApplicationShutdown } from '@nestjs/common';

import { RookeryOptions } from '../config/rookery.options.js';
import { RoomRules } from '../config/room-rules.js';
import type { Position } from '../protocol/position.js';
import { AgeList } from './age-list.js';
import type { Broker, BrokerListener, HistoryPage, PageLimit } from './broker.js';
import { Deduplication } from './deduplication.js';
import type { NumberedPublication, Publication, PublishRequest, PublishResult } from './publication.js';
import { Receipts } from './receipts.js';
import { RoomLog } from './room-log.js';

const SWEEP_INTERVAL_MS = 1000;
/** Rooms looked at in one sweep, so that a hundred thousand of them do not hold up the event loop. */
const SWEEP_ROOMS = 2000;
/** What an entry costs besides its text. */
const ENTRY_OVERHEAD_BYTES = 200;

/** The broker of a single process: order, history and ids live in its memory and go with it. */
@Injectable()
export class MemoryBroker implements Broker, OnApplicationShutdown {
  private readonly logs = new Map<string, RoomLog>();
  /** Rooms that nobody here is in, longest idle first. */
  private readonly idle = new Map<string, RoomLog>();
  private readonly ages = new AgeList();
  private readonly ids: Deduplication;
  private readonly receipts: Receipts;
  private readonly instance = randomBytes(6).toString('base64url');
  /** Counts up whenever a numbering is forgotten, so that a room that begins anew does so in a new epoch. */
  private generation = 0;
  private epoch = this.nextEpoch();
  private listener: BrokerListener | undefined;
  private sweeping: IterableIterator<RoomLog> | undefined;
  private readonly sweeper: NodeJS.Timeout;

  constructor(
    private readonly options: RookeryOptions,
    private readonly rules: RoomRules,
  ) {
    this.ids = new Deduplication(options.deduplicationWindowMs, options.deduplicationMaxIds);
    this.receipts = new Receipts(options.maxReceipts);
    this.sweeper = setInterval(() => this.sweep(), SWEEP_INTERVAL_MS).unref();
  }

  listen(listener: BrokerListener): void {
    this.listener = listener;
  }

  publish(request: PublishRequest): PublishResult {
    const now = performance.now();
    const earlier = this.ids.find(request, now);
    if (earlier !== undefined) return { ...earlier, duplicate: true };

    const log = this.use(request.room, now);
    const offset = request.volatile ? undefined : (log.head += 1);
    const publication = this.publicationOf(request, log, offset);
    if (isNumbered(publication)) this.keep(log, publication, now);
    const { id } = publication;
    const result = offset === undefined ? { id } : { id, epoch: log.epoch, offset };
    this.ids.remember(request, result, now);
    if (log.subscribed) this.listener?.onPublication(request.room, log.epoch, publication);
    return result;
  }

  subscribe(room: string): Position {
    const log = this.logOf(room);
    log.subscribed = true;
    this.idle.delete(room);
    return log.position();
  }

  unsubscribe(room: string): void {
    const log = this.logs.get(room);
    if (log === undefined) return;
    log.subscribed = false;
    // Never published to: it can be made again as it is, and its epoch will be the same.
    if (log.head === 0) this.logs.delete(room);
    else this.use(room, performance.now());
  }

  history(room: string, after: Position | undefined, limit: PageLimit): HistoryPage {
    const log = this.logs.get(room) ?? this.newLog(room);
    this.expire(log, performance.now());
    return log.page(after, limit);
  }

  acknowledge(room: string, userId: string, position: Position): void {
    this.receipts.keep(room, userId, position, this.rules.of(room).historyTtlMs, performance.now());
  }

  acknowledged(room: string, userId: string): Position | undefined {
    return this.receipts.find(room, userId, performance.now());
  }

  ping(): Promise<void> {
    return Promise.resolve();
  }

  onApplicationShutdown(): void {
    clearInterval(this.sweeper);
  }

  /** What the broker holds at the moment. */
  usage(): { readonly rooms: number; readonly historyBytes: number; readonly ids: number } {
    return { rooms: this.logs.size, historyBytes: this.ages.bytes, ids: this.ids.size };
  }

  private nextEpoch(): string {
    return `${this.instance}.${(this.generation++).toString(36)}`;
  }

  private newLog(room: string): RoomLog {
    return new RoomLog(room, this.epoch, this.rules.of(room));
  }

  private logOf(room: string): RoomLog {
    let log = this.logs.get(room);
    if (log === undefined) this.logs.set(room, (log = this.newLog(room)));
    return log;
  }

  /** The room's log, marked as used now. */
  private use(room: string, now: number): RoomLog {
    const log = this.logOf(room);
    log.lastUsedAt = now;
    if (!log.subscribed) {
      this.idle.delete(room);
      this.idle.set(room, log);
      this.forgetIdle();
    }
    return log;
  }

  private publicationOf(request: PublishRequest, log: RoomLog, offset: number | undefined): Publication {
    const { data, from, origin, id = offset === undefined ? randomId() : `${log.epoch}:${offset}` } = request;
    return {
      id,
      data,
      timestamp: Date.now(),
      ...(offset === undefined ? {} : { offset }),
      ...(from === undefined ? {} : { from }),
      ...(origin === undefined ? {} : { origin }),
    };
  }

  private keep(log: RoomLog, publication: NumberedPublication, now: number): void {
    const { historySize, historyTtlMs } = log.behaviour;
    if (historySize === 0 || historyTtlMs === 0) return;
    const bytes = publication.data.length + ENTRY_OVERHEAD_BYTES;
    const entry = { log, publication, storedAt: now, bytes, older: undefined, newer: undefined };
    log.append(entry);
    this.ages.add(entry);
    while (log.size > historySize) this.drop(log, 'trimmed');
    this.expire(log, now);
    this.makeRoom();
  }

  /** Lets the oldest messages of all rooms go until the rest fits. */
  private makeRoom(): void {
    const max = this.options.historyMaxBytes || Infinity;
    while (this.ages.bytes > max && this.ages.oldest !== undefined) this.drop(this.ages.oldest.log, 'trimmed');
  }

  private expire(log: RoomLog, now: number): void {
    const { historyTtlMs } = log.behaviour;
    while (log.oldest !== undefined && now - log.oldest.storedAt >= historyTtlMs) this.drop(log, 'expired');
  }

  private drop(log: RoomLog, reason: 'trimmed' | 'expired'): void {
    const entry = log.shift(reason);
    if (entry !== undefined) this.ages.remove(entry);
  }

  private sweep(): void {
    const now = performance.now();
    this.ids.forget(now);
    this.receipts.forget(now);
    this.sweeping ??= this.logs.values();
    for (let count = 0; count < SWEEP_ROOMS; count += 1) {
      const next = this.sweeping.next();
      if (next.done) {
        this.sweeping = undefined;
        break;
      }
      this.expire(next.value, now);
    }
    this.forgetIdle();
  }

  /** Forgets rooms that have been idle for too long, and the longest idle ones where there are too many. */
  private forgetIdle(): void {
    const { positionTtlMs, maxIdleRooms } = this.options;
    const now = performance.now();
    for (const [room, log] of this.idle) {
      const old = positionTtlMs > 0 && now - log.lastUsedAt >= positionTtlMs;
      const crowded = maxIdleRooms > 0 && this.idle.size > maxIdleRooms;
      if (!old && !crowded) return;
      while (log.size > 0) this.drop(log, 'trimmed');
      this.idle.delete(room);
      this.logs.delete(room);
      this.epoch = this.nextEpoch();
    }
  }
}

function isNumbered(publication: Publication): publication is NumberedPublication {
  return publication.offset !== undefined;
}

function randomId(): string {
  return randomBytes(9).toString('base64url');
}
