interface Deposit {
  readonly text: string;
  /** In milliseconds of the process's own clock. */
  readonly expiresAt: number;
}

/** Texts that are kept until somebody collects them, or their time is over. Who deposits sees to their number. */
export class Deposits {
  private readonly kept = new Map<string, Deposit>();

  add(name: string, text: string, ttlMs: number): void {
    const now = performance.now();
    this.forgetExpired(now);
    this.kept.set(name, { text, expiresAt: now + ttlMs });
  }

  collect(name: string): string | undefined {
    const deposit = this.kept.get(name);
    this.kept.delete(name);
    return deposit !== undefined && deposit.expiresAt > performance.now() ? deposit.text : undefined;
  }

  /** In the order in which they came: one that is still good ends the walk. */
  private forgetExpired(now: number): void {
    for (const [name, { expiresAt }] of this.kept) {
      if (expiresAt > now) return;
      this.kept.delete(name);
    }
  }
}
