/** Part of the free memory by which the limit rises at one time, so that it does not have to fall again at once. */
const RISE = 0.5;

/** Limit on the bytes of all history: the setting, and less while memory is short. */
export class HistoryBound {
  private current: number;

  /** @param max bytes, by the settings */
  constructor(private readonly max: number) {
    this.current = max;
  }

  get bytes(): number {
    return this.current;
  }

  /** True while memory is short, and after that until the limit has risen to what the settings allow. */
  get isLowered(): boolean {
    return this.current < this.max;
  }

  /**
   * Takes a measure of memory, and lowers or raises the limit.
   *
   * @param excess bytes that must be freed if positive, bytes that may still be used if negative
   * @param held bytes of history
   */
  adjust(excess: number, held: number): void {
    const possible = held - excess;
    if (excess > 0) this.current = Math.max(0, Math.min(this.current, possible));
    else if (possible >= this.max) this.current = this.max;
    else if (this.isLowered) this.current = Math.max(this.current, held - excess * RISE);
  }
}
