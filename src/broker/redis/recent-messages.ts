import type { NumberedPublication } from '../publication.js';
import { readDelivery } from './frames.js';

/** Limit on the characters of all entries: seconds of a busy node, far more than replicas lag behind. */
const MAX_CHARACTERS = 8 * 1024 * 1024;
/** Number of dropped entries at which the array is compacted. */
const COMPACT_AT = 1024;

/** One delivery with numbered messages. Its text is built and parsed only on demand, which is rare. */
interface Entry {
  readonly room: string;
  readonly epoch: string;
  readonly first: number;
  readonly last: number;
  readonly size: number;
  readonly text: () => string;
}

/** By epoch and offset. */
export type RoomMessages = Map<string, Map<number, NumberedPublication>>;

/** Recent deliveries of all rooms, oldest first. Nodes restore them if Redis loses the end of a history. */
export class RecentMessages {
  private entries: Entry[] = [];
  private start = 0;
  private characters = 0;
  private readonly byRoom = new Map<string, Entry[]>();

  constructor(private readonly maxCharacters = MAX_CHARACTERS) {}

  /**
   * Adds a delivery, and drops the oldest ones over the limit.
   *
   * @param first offset of its first numbered message
   * @param last offset of its last numbered message
   * @param size number of characters that it holds in memory
   * @param text returns the delivery in the form in which Redis sends it
   */
  keep(room: string, epoch: string, first: number, last: number, size: number, text: () => string): void {
    const entry = { room, epoch, first, last, size, text };
    this.entries.push(entry);
    this.characters += size;
    const ofRoom = this.byRoom.get(room);
    if (ofRoom === undefined) this.byRoom.set(room, [entry]);
    else ofRoom.push(entry);
    while (this.characters > this.maxCharacters) this.forget();
  }

  /** Returns the stored messages between two offsets, as `epoch:offset`. */
  between(room: string, first: number, last: number): Set<string> {
    const found = new Set<string>();
    for (const entry of this.byRoom.get(room) ?? []) {
      const end = Math.min(entry.last, last);
      for (let offset = Math.max(entry.first, first); offset <= end; offset += 1) found.add(`${entry.epoch}:${offset}`);
    }
    return found;
  }

  /** Returns the stored messages of a room by epoch and offset. */
  of(room: string): RoomMessages {
    const all: RoomMessages = new Map();
    for (const { epoch, text } of this.byRoom.get(room) ?? []) {
      let ofEpoch = all.get(epoch);
      if (ofEpoch === undefined) all.set(epoch, (ofEpoch = new Map()));
      for (const publication of readDelivery(text()).publications) {
        const { offset } = publication;
        if (offset !== undefined) ofEpoch.set(offset, { ...publication, offset });
      }
    }
    return all;
  }

  private forget(): void {
    const entry = this.entries[this.start];
    if (entry === undefined) return;
    this.start += 1;
    this.characters -= entry.size;
    const ofRoom = this.byRoom.get(entry.room);
    // The room's list has the same order as the list of all rooms.
    ofRoom?.shift();
    if (ofRoom?.length === 0) this.byRoom.delete(entry.room);
    if (this.start < COMPACT_AT) return;
    this.entries = this.entries.slice(this.start);
    this.start = 0;
  }
}
