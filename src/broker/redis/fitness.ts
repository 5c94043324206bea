/** How long after a failed probe the next one is sent. */
const RETRY_MS = 250;

/**
 * Whether operations can be expected to succeed. The first one that fails casts doubt, and probes go on until one
 * succeeds: a Redis that is full or has become a replica is connected, and takes nothing all the same.
 */
export class Fitness {
  private doubted = false;
  private stopped = false;
  private timer: NodeJS.Timeout | undefined;

  /** @param probe resolves when Redis takes what is written; bounded in time */
  constructor(private readonly probe: () => Promise<void>) {}

  get isFit(): boolean {
    return !this.doubted;
  }

  /** An operation has failed. */
  doubt(): void {
    if (this.doubted || this.stopped) return;
    this.doubted = true;
    this.ask();
  }

  stop(): void {
    this.stopped = true;
    clearTimeout(this.timer);
  }

  private ask(): void {
    this.probe().then(
      () => (this.doubted = false),
      () => {
        if (!this.stopped) this.timer = setTimeout(() => this.ask(), RETRY_MS).unref();
      },
    );
  }
}
