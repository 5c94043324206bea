import type { Position } from '../protocol/position.js';

interface Receipt {
  readonly position: Position;
  readonly expiresAt: number;
}

/** How far users have dealt with rooms. Bounded in time and number; the longest untouched go first. */
export class Receipts {
  private readonly receipts = new Map<string, Receipt>();

  /** @param max how many at most; 0 for no bound */
  constructor(private readonly max: number) {}

  get size(): number {
    return this.receipts.size;
  }

  /** @param ttlMs how long from now on the position is kept */
  keep(room: string, userId: string, position: Position, ttlMs: number, now: number): void {
    const key = keyOf(room, userId);
    const known = this.find(room, userId, now);
    const isBehind = known !== undefined && known.epoch === position.epoch && known.offset > position.offset;
    this.receipts.delete(key);
    this.receipts.set(key, { position: isBehind ? known : position, expiresAt: now + ttlMs });
    this.forget(now);
  }

  find(room: string, userId: string, now: number): Position | undefined {
    const receipt = this.receipts.get(keyOf(room, userId));
    return receipt !== undefined && receipt.expiresAt > now ? receipt.position : undefined;
  }

  /** Lets go of old ones. Rooms differ in how long they keep: one that still counts ends the walk early. */
  forget(now: number): void {
    for (const [key, { expiresAt }] of this.receipts) {
      const crowded = this.max > 0 && this.receipts.size > this.max;
      if (!crowded && expiresAt > now) return;
      this.receipts.delete(key);
    }
  }
}

/** Neither part can hold a line end. */
function keyOf(room: string, userId: string): string {
  return `${room}\n${userId}`;
}
