/** How many members acknowledged, of how many. */
export interface Confirmation {
  readonly confirmed: number;
  readonly members: number;
}

/** One question, whether all of a room's members on this node have acknowledged a message. */
export class ConfirmationWaiter {
  private offset = Infinity;
  private finish: (() => void) | undefined;
  private readonly acknowledged = new Map<string, number>();

  /** @param members by connection */
  constructor(private members: ReadonlySet<string>) {}

  take(connectionId: string, offset: number): void {
    if (!this.members.has(connectionId)) return;
    this.acknowledged.set(connectionId, Math.max(offset, this.acknowledged.get(connectionId) ?? 0));
    if (this.isComplete) this.finish?.();
  }

  /** Some of them turn out not to get the message. */
  keepOnly(members: ReadonlySet<string>): void {
    this.members = new Set([...this.members].filter((id) => members.has(id)));
    for (const id of this.acknowledged.keys()) if (!this.members.has(id)) this.acknowledged.delete(id);
  }

  /** Resolves when every member has acknowledged the offset, or when the time is over. */
  async wait(offset: number, timeoutMs: number): Promise<void> {
    this.offset = offset;
    if (this.isComplete) return;
    let timer: NodeJS.Timeout | undefined;
    await new Promise<void>((resolve) => {
      this.finish = resolve;
      timer = setTimeout(resolve, timeoutMs).unref();
    });
    clearTimeout(timer);
  }

  count(): Confirmation {
    let confirmed = 0;
    for (const offset of this.acknowledged.values()) if (offset >= this.offset) confirmed += 1;
    return { confirmed, members: this.members.size };
  }

  private get isComplete(): boolean {
    const { confirmed, members } = this.count();
    return confirmed === members;
  }
}
