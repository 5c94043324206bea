import type { Answers } from './cluster.js';

/** A question to other nodes, until all have answered or its time is over. */
export class Question {
  readonly answered: Promise<Answers>;
  private readonly answers = new Map<string, unknown>();
  private readonly gone: string[] = [];
  private readonly missing: Set<string>;
  private finish: (answers: Answers) => void = () => undefined;
  private readonly timer: NodeJS.Timeout;
  private open: boolean;

  /**
   * @param nodes those who have to answer
   * @param greeted where there may be others, who are not known yet: when they will be
   */
  constructor(nodes: readonly string[], timeoutMs: number, greeted?: Promise<void>) {
    this.missing = new Set(nodes);
    this.answered = new Promise((resolve) => (this.finish = resolve));
    this.timer = setTimeout(() => this.end(), timeoutMs);
    this.open = greeted !== undefined;
    void greeted?.then(() => {
      this.open = false;
      this.endIfDone();
    });
    this.endIfDone();
  }

  take(node: string, answer: unknown): void {
    this.answers.set(node, answer);
    this.missing.delete(node);
    this.endIfDone();
  }

  /** A node that has gone answers nothing any more. */
  giveUp(node: string): void {
    if (this.missing.delete(node)) this.gone.push(node);
    this.endIfDone();
  }

  end(): void {
    clearTimeout(this.timer);
    const answers = Array.from(this.answers, ([node, answer]) => ({ node, answer }));
    this.finish({ answers, partial: this.missing.size > 0 || this.open, gone: this.gone });
  }

  private endIfDone(): void {
    if (this.missing.size === 0 && !this.open) this.end();
  }
}
