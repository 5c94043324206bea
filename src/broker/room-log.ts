import type { RoomBehaviour } from '../config/room-rule.js';
import type { LossReason, Position } from '../protocol/position.js';
import type { HistoryPage, PageLimit } from './broker.js';
import type { IdleRoom } from './idle-rooms.js';
import type { NumberedPublication } from './publication.js';

/** A publication in the history, linked to its neighbours in age over all rooms. */
export interface Entry {
  readonly log: RoomLog;
  readonly publication: NumberedPublication;
  /** By the monotonic clock: a jump of the wall clock must not empty a history. */
  readonly storedAt: number;
  /** In memory. */
  readonly bytes: number;
  older: Entry | undefined;
  newer: Entry | undefined;
}

/** Bytes of a publication on the wire in addition to its data. */
const ENVELOPE_BYTES = 200;
/** Taken-off entries are cut from the front of the array only when there are this many. */
const COMPACT_AT = 512;

/** One room's numbering and history. */
export class RoomLog implements IdleRoom {
  /** Offset of the newest publication. */
  head = 0;
  subscribed = false;
  /** In seconds. */
  usedAt = 0;
  private entries: (Entry | undefined)[] = [];
  private start = 0;
  /** Why the newest of the messages that are gone is gone. */
  lossReason: LossReason = 'trimmed';

  constructor(
    readonly room: string,
    readonly epoch: string,
    readonly generation: number,
    readonly behaviour: RoomBehaviour,
  ) {}

  get size(): number {
    return this.entries.length - this.start;
  }

  get oldest(): Entry | undefined {
    return this.entries[this.start];
  }

  /** Continues where an idle room was. */
  resume({ head, lossReason, usedAt }: IdleRoom): this {
    this.head = head;
    this.lossReason = lossReason;
    this.usedAt = usedAt;
    return this;
  }

  append(entry: Entry): void {
    this.entries.push(entry);
  }

  /** Takes off the oldest entry. */
  shift(reason: LossReason): Entry | undefined {
    const entry = this.entries[this.start];
    if (entry === undefined) return undefined;
    this.entries[this.start] = undefined;
    this.start += 1;
    this.lossReason = reason;
    if (this.start === this.entries.length) {
      this.entries = [];
      this.start = 0;
    } else if (this.start >= COMPACT_AT && this.start * 2 >= this.entries.length) {
      this.entries = this.entries.slice(this.start);
      this.start = 0;
    }
    return entry;
  }

  position(): Position {
    return { epoch: this.epoch, offset: this.head };
  }

  /** See {@link Broker.history}. */
  page(after: Position | undefined, limit: PageLimit): HistoryPage {
    const oldestLost = this.head - this.size;
    const { from, lost } = this.startOf(after, oldestLost);
    const publications: NumberedPublication[] = [];
    let bytes = 0;
    for (let index = this.start + from - oldestLost; index < this.entries.length; index += 1) {
      const entry = this.entries[index];
      if (entry === undefined || publications.length >= limit.count) break;
      bytes += entry.publication.data.length + ENVELOPE_BYTES;
      if (publications.length > 0 && bytes > limit.bytes) break;
      publications.push(entry.publication);
    }
    const page = { head: this.position(), after: from, publications };
    return lost === undefined ? page : { ...page, lost };
  }

  private startOf(after: Position | undefined, oldestLost: number): { from: number; lost?: LossReason } {
    if (after === undefined) return { from: oldestLost };
    // A client from another epoch has received nothing of this one.
    if (after.epoch !== this.epoch) return { from: oldestLost, lost: 'epoch' };
    // The client claims more than there is, so it has received all of it.
    if (after.offset > this.head) return { from: this.head, lost: 'epoch' };
    return after.offset < oldestLost ? { from: oldestLost, lost: this.lossReason } : { from: after.offset };
  }
}
