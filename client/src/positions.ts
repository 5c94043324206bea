import type { Position } from '../../src/protocol/position.js';

/**
 * Where positions of rooms are kept. A room that has one is recovered from there when it is joined for the first time.
 * Any of these may answer later; of one room, the next is called when the one before has answered.
 *
 * Keys are names of rooms, those of the server's own (`@all`, `@user:<id>`) among them.
 */
export interface PositionStore {
  /** The position kept for a room. */
  get(room: string): Position | undefined | Promise<Position | undefined>;
  /** Keeps the position in place of the one before. */
  set(room: string, position: Position): void | Promise<void>;
  /** Keeps none any more: the room was left. */
  delete(room: string): void | Promise<void>;
}

/** Keeps positions for as long as it lives itself. Several clients, one after the other, may be given the same one. */
export class MemoryPositions implements PositionStore {
  private readonly positions = new Map<string, Position>();

  get(room: string): Position | undefined {
    return this.positions.get(room);
  }

  set(room: string, position: Position): void {
    this.positions.set(room, position);
  }

  delete(room: string): void {
    this.positions.delete(room);
  }
}

/** The part of `localStorage` and `sessionStorage` that positions need; named here for projects without types of the DOM. */
export interface TextStorage {
  /** The text under the key. */
  getItem(key: string): string | null;
  /** Puts a text under the key. */
  setItem(key: string, value: string): void;
  /** Takes it away. */
  removeItem(key: string): void;
}

/**
 * Keeps positions in `localStorage`, so that a page goes on where it was before it was loaded again.
 *
 * Windows that share a storage share their positions. Give each `sessionStorage`, or a prefix of its own, where each
 * shall recover by itself; and each user a prefix where several use one browser.
 *
 * @example
 * new RookeryClient(url, { token, positions: new StoragePositions(sessionStorage) });
 */
export class StoragePositions implements PositionStore {
  private readonly prefix: string;

  /** @param options `prefix` comes before the room's name in each key; `rookery:` unless given */
  constructor(
    private readonly storage: TextStorage = localStorage,
    { prefix = 'rookery:' }: { readonly prefix?: string | undefined } = {},
  ) {
    this.prefix = prefix;
  }

  get(room: string): Position | undefined {
    // What is no position (another program's, or cut short) counts as none.
    const [, epoch, offset] = /^(.+):(\d{1,15})$/.exec(this.storage.getItem(this.prefix + room) ?? '') ?? [];
    return epoch === undefined ? undefined : { epoch, offset: Number(offset) };
  }

  set(room: string, { epoch, offset }: Position): void {
    this.storage.setItem(this.prefix + room, `${epoch}:${offset}`);
  }

  delete(room: string): void {
    this.storage.removeItem(this.prefix + room);
  }
}
