/** Finds out, by the numbers that nodes give their words, that some were lost on the way. */
export class Hearing {
  private readonly lastHeard = new Map<string, number>();

  /** @returns true where words of this node between the last one and this one did not come */
  heard(node: string, number: number): boolean {
    const last = this.lastHeard.get(node);
    this.lastHeard.set(node, number);
    return last !== undefined && number > last + 1;
  }

  /** The number of the last word heard from a node; 0 where there was none. */
  lastOf(node: string): number {
    return this.lastHeard.get(node) ?? 0;
  }

  forget(node: string): void {
    this.lastHeard.delete(node);
  }

  /** Has every node begin anew: what was lost until now is known to be. */
  clear(): void {
    this.lastHeard.clear();
  }
}
