/** What the server lets one connection send. */
export interface Rate {
  readonly perSecond: number;
  readonly burst: number;
}

/** Two clocks are never quite of the same speed. */
const MARGIN = 0.98;

/**
 * Keeps a connection within the server's rate, by a token bucket like the server's own.
 *
 * The network may hold messages back and hand them over all at once, when the server's bucket has long been full and
 * forgotten what it could not hold. So the bucket here never holds more than the burst less what is unanswered: then
 * the server has a token for everything that is on its way, whenever it comes.
 */
export class Pacer {
  private level: number;
  private unanswered = 0;

  /** @param now milliseconds of a monotonic clock */
  constructor(
    private readonly rate: Rate | undefined,
    private refilledAt: number,
  ) {
    this.level = rate?.burst ?? 0;
  }

  /**
   * @param ahead how many messages go first
   * @returns 0 when a message may be sent, else in how many milliseconds: `Infinity` when only an answer helps
   */
  wait(now: number, ahead = 0): number {
    if (this.rate === undefined) return 0;
    const perMs = (this.rate.perSecond * MARGIN) / 1000;
    const room = this.rate.burst - this.unanswered;
    this.level = Math.min(room, this.level + (now - this.refilledAt) * perMs);
    this.refilledAt = now;
    const missing = 1 + ahead - this.level;
    if (missing <= 0) return 0;
    return room < 1 + ahead ? Infinity : Math.ceil(missing / perMs);
  }

  /** @param cost a join of many rooms counts as many messages, and puts the bucket into debt */
  sent(cost: number): void {
    this.level -= cost;
    this.unanswered += cost;
  }

  /** What was unanswered until now took its room until now: the time before must not fill it. */
  answered(cost: number, now: number): void {
    this.wait(now);
    this.unanswered -= cost;
  }
}
