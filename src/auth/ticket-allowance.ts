/** How many tickets were made within the time that one is good for, by user and in all. */
export class TicketAllowance {
  /** When each user got one, the user who has got none for the longest time first. */
  private readonly users = new Map<string, readonly number[]>();
  private total = 0;

  /**
   * @param perUser for one user at most; 0 for no bound
   * @param max for all users at most; 0 for no bound
   * @param ttlMs for how long each counts
   */
  constructor(
    private readonly perUser: number,
    private readonly max: number,
    private readonly ttlMs: number,
  ) {}

  /**
   * Takes one.
   *
   * @returns 0, or how many milliseconds later there may be one
   */
  take(userId: string, now: number): number {
    this.forget(now);
    const times = (this.users.get(userId) ?? []).filter((at) => at > now - this.ttlMs);
    this.replace(userId, times);
    const [oldest = now] = times;
    if (this.perUser > 0 && times.length >= this.perUser) return oldest + this.ttlMs - now;
    if (this.max > 0 && this.total >= this.max) return this.ttlMs;
    this.users.delete(userId);
    this.replace(userId, [...times, now]);
    this.total += 1;
    return 0;
  }

  get size(): number {
    return this.total;
  }

  private forget(now: number): void {
    for (const [userId, times] of this.users) {
      const latest = times.at(-1) ?? -Infinity;
      if (latest > now - this.ttlMs) return;
      this.users.delete(userId);
      this.total -= times.length;
    }
  }

  private replace(userId: string, times: readonly number[]): void {
    const before = this.users.get(userId);
    if (before !== undefined) this.total += times.length - before.length;
    if (times.length > 0) this.users.set(userId, times);
    else this.users.delete(userId);
  }
}
