import { randomBytes } from 'node:crypto';

import { Inject, Injectable, Logger, Optional, type OnApplicationShutdown } from '@nestjs/common';

import { heapBudget, mebibytes, readMemory } from '../config/available-memory.js';
import { RookeryOptions } from '../config/rookery.options.js';
import { RoomRules } from '../config/room-rules.js';
import type { Position } from '../protocol/position.js';
import { Telemetry } from '../telemetry/telemetry.js';
import { AgeList } from './age-list.js';
import type { Broker, BrokerListener, HistoryPage, PageLimit } from './broker.js';
import { Deduplication } from './deduplication.js';
import { Epochs } from './epochs.js';
import { HistoryBound } from './history-bound.js';
import { IdleRooms } from './idle-rooms.js';
import { MemoryWatch } from './memory-watch.js';
import type { NumberedPublication, Publication, PublishRequest, PublishResult } from './publication.js';
import { Receipts } from './receipts.js';
import { RoomLog } from './room-log.js';

const SWEEP_INTERVAL_MS = 1000;
/** Rooms looked at in one sweep, so that a hundred thousand of them do not hold up the event loop. */
const SWEEP_ROOMS = 2000;
/** Bytes of an entry in addition to its text, as measured. */
const ENTRY_OVERHEAD_BYTES = 300;

/** The broker of a single process: order, history and ids live in its memory and go with it. */
@Injectable()
export class MemoryBroker implements Broker, OnApplicationShutdown {
  private readonly logger = new Logger(MemoryBroker.name);
  /** Rooms that have members here, or history. */
  private readonly logs = new Map<string, RoomLog>();
  /** Those of them without members, the one that is idle for the longest time first. */
  private readonly quiet = new Map<string, RoomLog>();
  private readonly idle = new IdleRooms();
  private readonly ages = new AgeList();
  private readonly bound: HistoryBound;
  private readonly ids: Deduplication;
  private readonly receipts: Receipts;
  private readonly epochs = new Epochs(randomBytes(6).toString('base64url'));
  private listener: BrokerListener | undefined;
  private sweeping: IterableIterator<RoomLog> | undefined;
  private readonly sweeper: NodeJS.Timeout;

  /** @param watch tells when memory is short; without it, only the settings limit what is kept */
  constructor(
    private readonly options: RookeryOptions,
    private readonly rules: RoomRules,
    @Optional() private readonly telemetry: Telemetry = new Telemetry(),
    @Optional() @Inject(MemoryWatch) private readonly watch?: MemoryWatch,
  ) {
    const { forgotten } = telemetry;
    const { deduplicationWindowMs, deduplicationMaxIds, maxReceipts, historyMaxBytes } = options;
    this.bound = new HistoryBound(historyMaxBytes || heapBudget(readMemory(), 1));
    this.ids = new Deduplication(deduplicationWindowMs, deduplicationMaxIds, () =>
      forgotten.add('deduplication-max-ids'),
    );
    this.receipts = new Receipts(maxReceipts, () => forgotten.add('max-receipts'));
    this.sweeper = setInterval(() => this.sweep(), SWEEP_INTERVAL_MS).unref();
    watch?.start((excess) => this.adjust(excess));
  }

  listen(listener: BrokerListener): void {
    this.listener = listener;
  }

  publish(request: PublishRequest): PublishResult {
    const now = performance.now();
    const earlier = this.ids.find(request, now);
    if (earlier !== undefined) return { ...earlier, duplicate: true };

    const log = this.logOf(request.room);
    const offset = request.volatile ? undefined : (log.head += 1);
    const publication = this.publicationOf(request, log, offset);
    if (isNumbered(publication)) this.keep(log, publication, now);
    const { id } = publication;
    const result = offset === undefined ? { id } : { id, epoch: log.epoch, offset };
    this.ids.remember(request, result, now);
    if (log.subscribed) this.listener?.onPublication(request.room, log.epoch, publication);
    else this.leave(log, now);
    return result;
  }

  subscribe(room: string): Position {
    const log = this.logOf(room);
    log.subscribed = true;
    this.quiet.delete(room);
    return log.position();
  }

  unsubscribe(room: string): void {
    const log = this.logs.get(room);
    if (log === undefined) return;
    log.subscribed = false;
    this.leave(log, performance.now());
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
    this.watch?.stop();
  }

  /** What the broker holds at the moment. */
  usage(): { readonly rooms: number; readonly historyBytes: number; readonly ids: number } {
    return { rooms: this.logs.size + this.idle.size, historyBytes: this.ages.bytes, ids: this.ids.size };
  }

  /** A room that begins, or continues where it was when it became idle. */
  private newLog(room: string): RoomLog {
    const idle = this.idle.find(room);
    const generation = idle?.generation ?? this.epochs.generationOf(room);
    const log = new RoomLog(room, this.epochs.nameOf(generation), generation, this.rules.of(room));
    return idle === undefined ? log : log.resume(idle);
  }

  private logOf(room: string): RoomLog {
    let log = this.logs.get(room);
    if (log !== undefined) return log;
    log = this.newLog(room);
    this.idle.delete(room);
    this.logs.set(room, log);
    return log;
  }

  /** Marks a room without members as used now. */
  private leave(log: RoomLog, now: number): void {
    log.usedAt = Math.floor(now / 1000);
    this.quiet.delete(log.room);
    if (log.size > 0) this.quiet.set(log.room, log);
    else this.retire(log);
    this.forgetIdle(now);
  }

  /** Keeps of a room without members and history no more than its numbering; and nothing if it never had a message. */
  private retire(log: RoomLog): void {
    this.logs.delete(log.room);
    this.quiet.delete(log.room);
    if (log.head > 0) this.idle.keep(log.room, log);
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

  /** Drops the oldest messages of all rooms until the rest fits. */
  private makeRoom(): void {
    let count = 0;
    for (; this.ages.bytes > this.bound.bytes && this.ages.oldest !== undefined; count += 1) {
      this.drop(this.ages.oldest.log, 'trimmed');
    }
    if (count > 0) this.telemetry.forgotten.add(this.bound.isLowered ? 'memory' : 'history-max-bytes', count);
  }

  /** Takes a measure of memory. The limit falls and rises in steps, so that a bout of short memory is logged once. */
  private adjust(excess: number): void {
    const { isLowered } = this.bound;
    this.bound.adjust(excess, this.ages.bytes);
    this.makeRoom();
    if (this.bound.isLowered === isLowered) return;
    if (isLowered) this.logger.log('Memory is sufficient again: history may grow to its limit');
    else this.logger.warn(`Memory is short: the oldest history is dropped down to ${mebibytes(this.bound.bytes)}`);
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
      const log = next.value;
      this.expire(log, now);
      if (!log.subscribed && log.size === 0) this.retire(log);
    }
    this.forgetIdle(now);
    this.telemetry.historyBytes = this.ages.bytes;
  }

  /** Drops rooms that have been idle for too long, and the longest idle ones where there are too many. */
  private forgetIdle(now: number): void {
    const { positionTtlMs, maxIdleRooms } = this.options;
    for (;;) {
      const oldest = this.longestIdle();
      if (oldest === undefined) return;
      const isDue = positionTtlMs > 0 && now - oldest.usedAt * 1000 >= positionTtlMs;
      const crowded = maxIdleRooms > 0 && this.idle.size + this.quiet.size > maxIdleRooms;
      if (!isDue && !crowded) return;
      if (!isDue) this.telemetry.forgotten.add('max-idle-rooms');
      this.forget(oldest.room);
    }
  }

  private longestIdle(): { readonly room: string; readonly usedAt: number } | undefined {
    const { oldest } = this.idle;
    for (const log of this.quiet.values()) return oldest !== undefined && oldest.usedAt <= log.usedAt ? oldest : log;
    return oldest;
  }

  /** Drops a room with its numbering. */
  private forget(room: string): void {
    const log = this.quiet.get(room);
    if (log !== undefined) while (log.size > 0) this.drop(log, 'trimmed');
    this.quiet.delete(room);
    this.logs.delete(room);
    this.idle.delete(room);
    this.epochs.drop(room);
  }
}

function isNumbered(publication: Publication): publication is NumberedPublication {
  return publication.offset !== undefined;
}

function randomId(): string {
  return randomBytes(9).toString('base64url');
}
