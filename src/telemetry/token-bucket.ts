/** How many at once, and how many in the long run. */
export interface Rate {
  readonly burst: number;
  /** Per second; 0 for no bound. */
  readonly perSecond: number;
}

/** A level this close below a token counts as one: sums of fractions miss it by a hair. */
const HAIR = 1e-9;

/** Lets through `burst` at once and `perSecond` in the long run. Two numbers a connection. */
export class TokenBucket {
  private level: number;

  constructor(
    private readonly rate: Rate,
    private refilledAt: number,
  ) {
    this.level = rate.burst;
  }

  /**
   * Takes one token.
   *
   * @param now milliseconds of a monotonic clock
   * @returns 0 if there was one, else the milliseconds until there is
   */
  take(now: number): number {
    const { burst, perSecond } = this.rate;
    if (perSecond === 0) return 0;
    this.level = Math.min(burst, this.level + ((now - this.refilledAt) * perSecond) / 1000);
    this.refilledAt = now;
    if (this.level >= 1 - HAIR) {
      this.level -= 1;
      return 0;
    }
    return Math.ceil(((1 - this.level) * 1000) / perSecond);
  }

  /** Takes more tokens for something that was let through for one, whether they are there or not. */
  charge(tokens: number): void {
    if (this.rate.perSecond > 0) this.level -= tokens;
  }
}
