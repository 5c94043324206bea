import type { Publication } from '../broker/publication.js';
import type { Overflow } from '../config/room-rule.js';
import type { DropReason } from '../telemetry/telemetry.js';

/**
 * What waits for a member of a room without history while its outbox is full, after the room's rule. Bounded: what
 * does not fit is dropped and counted, and the last number that was dropped is kept to be announced.
 */
export class Lag {
  /** Offset of the newest message dropped; 0 when none with a number was. */
  droppedUpTo = 0;
  private waiting: Publication[] = [];
  private bytes = 0;

  constructor(
    private readonly overflow: Exclude<Overflow, 'disconnect'>,
    private readonly maxBytes: number,
    private readonly onDrop: (reason: DropReason) => void,
  ) {}

  add(publication: Publication): void {
    this.waiting.push(publication);
    this.bytes += costOf(publication);
    const most = this.overflow === 'keep-latest' ? 1 : Infinity;
    while (this.waiting.length > most || (this.waiting.length > 1 && this.bytes > this.maxBytes)) this.drop();
  }

  /** Hands over what waits and starts anew. */
  take(): Publication[] {
    const { waiting } = this;
    this.waiting = [];
    this.bytes = 0;
    return waiting;
  }

  private drop(): void {
    const dropped = this.waiting.shift();
    if (dropped === undefined) return;
    this.bytes -= costOf(dropped);
    this.droppedUpTo = Math.max(this.droppedUpTo, dropped.offset ?? 0);
    this.onDrop(this.overflow);
  }
}

/** Its text, and about what the object around it takes. */
function costOf({ data }: Publication): number {
  return data.length + 200;
}
