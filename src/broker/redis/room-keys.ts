import { databaseOf } from '../../config/redis-database.js';
import type { RookeryOptions } from '../../config/rookery.options.js';
import { SLOTS, keySlot } from './key-slot.js';

/**
 * The names that a room has in Redis. All of them hold the room in braces, so that a cluster has them in one slot and
 * one script can use them together.
 */
export class RoomKeys {
  /** For each slot a text that is in it. */
  private readonly tags: readonly string[];

  /**
   * @param prefix keeps deployments on one Redis apart; without braces
   * @param isCluster rooms have slots, which may be on different servers
   * @param mark end of each channel, see {@link channelMark}
   */
  constructor(
    private readonly prefix: string,
    private readonly isCluster: boolean,
    private readonly mark = '',
  ) {
    this.tags = isCluster ? tagsOfSlots() : [''];
  }

  /** Key of the epoch of rooms without a message, then the room's own keys. */
  all(room: string): string[] {
    return [this.unused(this.slot(room)), ...this.ofRoom(room)];
  }

  /** Key of the epoch of rooms without a message, of all that are in one slot. */
  unused(slot: number): string {
    return this.isCluster ? `${this.prefix}:unused{${this.tags[slot] ?? ''}}` : `${this.prefix}:unused`;
  }

  /** A key of no meaning in a slot. */
  probe(slot: number): string {
    return this.isCluster ? `${this.prefix}:probe{${this.tags[slot] ?? ''}}` : `${this.prefix}:probe`;
  }

  /** The slot of a key. */
  slotOf(key: string): number {
    return this.isCluster ? keySlot(key) : 0;
  }

  /** The room's slot. One server without slots has everything in slot 0. */
  slot(room: string): number {
    return this.isCluster ? keySlot(this.meta(room)) : 0;
  }

  /** Its meta hash, its stream and its channel, as scripts that read or change a room get them. */
  ofRoom(room: string): string[] {
    return [this.meta(room), `${this.base(room)}:s`, this.channel(room)];
  }

  meta(room: string): string {
    return `${this.base(room)}:m`;
  }

  channel(room: string): string {
    return `${this.base(room)}:c${this.mark}`;
  }

  /** What a user published under an id; the length keeps user and id apart, whatever they consist of. */
  id(room: string, from: string, id: string): string {
    return `${this.base(room)}:i:${from.length}:${from}${id}`;
  }

  receipt(room: string, userId: string): string {
    return `${this.base(room)}:a:${userId}`;
  }

  private base(room: string): string {
    return `${this.prefix}{${withoutBrace(room)}}`;
  }
}

/**
 * Returns the end of each channel's name. Redis keeps the keys of its databases apart, but not the channels: a message
 * in one database reaches the subscribers in all. Channels of database 0 have no mark.
 */
export function channelMark({ redisUrl = '' }: RookeryOptions): string {
  const database = databaseOf(redisUrl) ?? 0;
  return database === 0 ? '' : `@${database}`;
}

/** A closing brace would end the part that names the slot. */
function withoutBrace(room: string): string {
  return /[%}]/.test(room) ? room.replaceAll('%', '%25').replaceAll('}', '%7D') : room;
}

/** Returns for each slot of a cluster a text that hashes to it: the first one of those that are tried. */
function tagsOfSlots(): string[] {
  const tags: string[] = [];
  for (let number = 0, found = 0; found < SLOTS; number += 1) {
    const tag = number.toString(36);
    const slot = keySlot(tag);
    if (tags[slot] !== undefined) continue;
    tags[slot] = tag;
    found += 1;
  }
  return tags;
}
