interface Fact {
  readonly value: number;
  /** In milliseconds since 1970. */
  readonly expiresAt: number;
  /** The same by the monotonic clock. */
  readonly endsAt: number;
}

/**
 * What every node knows for a time. A fact ends when both clocks say so: a wall clock that jumps, and may jump back,
 * must not bring back to life what was revoked.
 */
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
    const endsAt = performance.now() + expiresAt - Date.now();
    this.facts.set(name, {
      value: Math.max(value, known?.value ?? value),
      expiresAt: Math.max(expiresAt, known?.expiresAt ?? 0),
      endsAt: Math.max(endsAt, known?.endsAt ?? -Infinity),
    });
    for (const listener of this.listeners) listener(name, value);
  }

  find(name: string): number | undefined {
    const fact = this.facts.get(name);
    return fact === undefined || hasEnded(fact) ? undefined : fact.value;
  }

  forgetExpired(): void {
    for (const [name, fact] of this.facts) if (hasEnded(fact)) this.facts.delete(name);
  }
}

function hasEnded({ expiresAt, endsAt }: Fact): boolean {
  return expiresAt <= Date.now() && endsAt <= performance.now();
}
