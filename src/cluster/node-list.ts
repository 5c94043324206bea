/** The other nodes, by when each was heard of last. */
export class NodeList {
  private readonly heardAt = new Map<string, number>();

  /** @param goneAfterMs silence after which a node has gone */
  constructor(private readonly goneAfterMs: number) {}

  /** @returns true for a node that was not known */
  heard(node: string, now: number): boolean {
    const isNew = !this.heardAt.has(node);
    this.heardAt.set(node, now);
    return isNew;
  }

  /** @returns false for a node that was not known */
  remove(node: string): boolean {
    return this.heardAt.delete(node);
  }

  /** Lets silent nodes go, and returns them. */
  expire(now: number): string[] {
    const gone = [...this.heardAt].filter(([, at]) => now - at >= this.goneAfterMs).map(([node]) => node);
    for (const node of gone) this.heardAt.delete(node);
    return gone;
  }

  /** Gives every node its full time anew: they could not be heard. */
  forgive(now: number): void {
    for (const node of this.heardAt.keys()) this.heardAt.set(node, now);
  }

  all(): string[] {
    return [...this.heardAt.keys()];
  }
}
