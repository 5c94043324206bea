import type { Position } from '../protocol/position.js';

/** One object for each, since there may be a million. */
interface Receipt extends Position {
  readonly expiresAt: number;
}

/** How far users have dealt with rooms. Bounded in time and number; the longest untouched go first. */
export class Receipts {
  private readonly receipts = new Map<string, Receipt>();

  /**
   * @param max how many at most; 0 for no bound
   * @param onDropped called for each position that is dropped before its time
   */
  constructor(
    private readonly max: number,
    private readonly onDropped: () => void,
  ) {}

  get size(): number {
    return this.receipts.size;
  }

  /** @param ttlMs how long from now on the position is kept */
  keep(room: string, userId: string, position: Position, ttlMs: number, now: number): void {
    const key = keyOf(room, userId);
    const known = this.find(room, userId, now);
    const isBehind = known !== undefined && known.epoch === position.epoch && known.offset > position.offset;
    this.receipts.delete(key);
    const { epoch, offset } = isBehind ? known : position;
    this.receipts.set(key, { epoch, offset, expiresAt: now + ttlMs });
    this.forget(now);
  }

  find(room: string, userId: string, now: number): Position | undefined {
    const receipt = this.receipts.get(keyOf(room, userId));
    if (receipt === undefined || receipt.expiresAt <= now) return undefined;
    return { epoch: receipt.epoch, offset: receipt.offset };
  }

  /** Lets go of old ones. Rooms differ in how long they keep: one that still counts ends the walk early. */
  forget(now: number): void {
    for (const [key, { expiresAt }] of this.receipts) {
      const isDue = expiresAt <= now;
      const crowded = this.max > 0 && this.receipts.size > this.max;
      if (!crowded && !isDue) return;
      this.receipts.delete(key);
      if (!isDue) this.onDropped();
    }
  }
}

/** Neither part can hold a line end. */
function keyOf(room: string, userId: string): string {
  return `${room}\n${userId}`;
}
