/** A histogram with fixed bounds: a comparison a bound, no allocation, cheap enough for every turn of the event loop. */
export class Distribution {
  /** How many observations fell at or below each bound and above the one before; those above all come last. */
  readonly counts: number[];
  sum = 0;
  count = 0;

  /** @param bounds upper bounds in ascending order, in the unit of what is observed */
  constructor(readonly bounds: readonly number[]) {
    this.counts = Array.from({ length: bounds.length + 1 }, () => 0);
  }

  /** @param times how many observations have this value */
  observe(value: number, times = 1): void {
    let bucket = 0;
    while (bucket < this.bounds.length && value > (this.bounds[bucket] ?? 0)) bucket += 1;
    this.counts[bucket] = (this.counts[bucket] ?? 0) + times;
    this.sum += value * times;
    this.count += times;
  }
}
