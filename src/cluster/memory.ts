interface Fact {
  readonly value: number;
  /** In milliseconds since 1970. */
  readonly expiresAt: number;
}

/** What every node knows for a time. */
export class Memory {
  private readonly facts = new Map<string, Fact>();
  private readonly listeners: ((name: string, value: number) => void)[] = [];

  onAdded(listener: (name: string, value: number) => void): void {
    this.listeners.push(listener);
  }

  /** Of two by one name the larger counts, for the longer of their times. */
  add(name: string, value: number, expiresAt: number): void {
    const known = this.facts.get(name);
    if (known !== undefined && known.value >= value && known.expiresAt >= expiresAt) return;
    this.facts.set(name, {
      value: Math.max(value, known?.value ?? value),
      expiresAt: Math.max(expiresAt, known?.expiresAt ?? 0),
    });
    for (const listener of this.listeners) listener(name, value);
  }

  find(name: string): number | undefined {
    const fact = this.facts.get(name);
    return fact !== undefined && fact.expiresAt > Date.now() ? fact.value : undefined;
  }

  forgetExpired(): void {
    const now = Date.now();
    for (const [name, { expiresAt }] of this.facts) if (expiresAt <= now) this.facts.delete(name);
  }
}
