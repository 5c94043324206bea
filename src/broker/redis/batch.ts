interface Waiting<Item, Answer> {
  readonly item: Item;
  readonly resolve: (answer: Answer | undefined) => void;
  readonly reject: (error: unknown) => void;
}

/** Collects what is asked for within one turn of the event loop, and asks for it together. */
export class Batch<Item, Answer> {
  private waiting: Waiting<Item, Answer>[] = [];

  /**
   * @param most limit on the items that are asked for together
   * @param ask returns an answer for each item, in their order
   * @param schedule has {@link flush} called at the end of the turn
   */
  constructor(
    private readonly most: number,
    private readonly ask: (items: readonly Item[]) => Promise<readonly Answer[]>,
    private readonly schedule: () => void,
  ) {}

  /** Returns the answer for one item. Rejects if the request that it is part of fails. */
  add(item: Item): Promise<Answer | undefined> {
    return new Promise((resolve, reject) => {
      this.waiting.push({ item, resolve, reject });
      if (this.waiting.length === 1) this.schedule();
    });
  }

  /** Asks for what has been collected. */
  flush(): void {
    const { waiting } = this;
    if (waiting.length === 0) return;
    this.waiting = [];
    for (let start = 0; start < waiting.length; start += this.most) {
      void this.askFor(waiting.slice(start, start + this.most));
    }
  }

  private async askFor(waiting: readonly Waiting<Item, Answer>[]): Promise<void> {
    try {
      const answers = await this.ask(waiting.map(({ item }) => item));
      for (const [index, { resolve }] of waiting.entries()) resolve(answers[index]);
    } catch (error) {
      for (const { reject } of waiting) reject(error);
    }
  }
}
