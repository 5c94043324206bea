import type { SharedCounts } from './shared-counts.js';

/** Counts of this node alone; names without a count are not kept. */
export class LocalCounts implements SharedCounts {
  private readonly counts = new Map<string, number>();

  /** @param bound for each name; 0 for none */
  constructor(private readonly bound: number) {}

  take(name: string): boolean {
    const count = this.of(name) + 1;
    if (this.bound > 0 && count > this.bound) return false;
    this.counts.set(name, count);
    return true;
  }

  give(name: string): void {
    const count = this.of(name) - 1;
    if (count > 0) this.counts.set(name, count);
    else this.counts.delete(name);
  }

  of(name: string): number {
    return this.counts.get(name) ?? 0;
  }

  names(): IterableIterator<string> {
    return this.counts.keys();
  }
}
