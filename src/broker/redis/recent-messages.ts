import type { NumberedPublication } from '../publication.js';
import { readDelivery } from './frames.js';

/** Characters of all that is remembered: some seconds of a busy node, far more than Redis is behind with its copies. */
const MAX_CHARACTERS = 8 * 1024 * 1024;
/** Forgotten entries are cut from the front of the list only when there are this many. */
const COMPACT_AT = 1024;

/** One delivery with numbered messages: nothing is made or read of it until it is needed, which is hardly ever. */
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

/**
 * The latest deliveries of all rooms, in their order. Where Redis comes back without the end of a history, nodes give
 * back what they have seen of it.
 */
export class RecentMessages {
  private entries: Entry[] = [];
  private start = 0;
  private characters = 0;
  private readonly byRoom = new Map<string, Entry[]>();

  constructor(private readonly maxCharacters = MAX_CHARACTERS) {}

  /**
   * @param first the offset of its first numbered message
   * @param last that of its last one
   * @param size how many characters it holds
   * @param text gives it as it comes
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

  /** Which messages between two offsets are remembered, as `epoch:offset`. */
  between(room: string, first: number, last: number): Set<string> {
    const found = new Set<string>();
    for (const entry of this.byRoom.get(room) ?? []) {
      const end = Math.min(entry.last, last);
      for (let offset = Math.max(entry.first, first); offset <= end; offset += 1) found.add(`${entry.epoch}:${offset}`);
    }
    return found;
  }

  /** The messages of a room by their epochs and offsets, as far as they are remembered. */
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
    // Each room's are in the same order.
    ofRoom?.shift();
    if (ofRoom?.length === 0) this.byRoom.delete(entry.room);
    if (this.start < COMPACT_AT) return;
    this.entries = this.entries.slice(this.start);
    this.start = 0;
  }
}
