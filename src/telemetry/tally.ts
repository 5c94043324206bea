/**
 * Counts by label. The label's values must come from a closed set (codes, reasons, statuses), never from a client:
 * each one stays for the life of the process.
 */
export class Tally<Label extends string | number> {
  private readonly counts: Map<Label, number>;

  /** @param labels those that are there from the start, at zero: a rate over a series needs a value before the first */
  constructor(labels: readonly Label[] = []) {
    this.counts = new Map(labels.map((label) => [label, 0]));
  }

  add(label: Label, by = 1): void {
    this.counts.set(label, (this.counts.get(label) ?? 0) + by);
  }

  get(label: Label): number {
    return this.counts.get(label) ?? 0;
  }

  entries(): IterableIterator<[Label, number]> {
    return this.counts.entries();
  }
}
