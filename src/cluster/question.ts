import type { Answers } from './cluster.js';

/** A question to other nodes, until all have answered or its time is over. */
export class Question {
  readonly answered: Promise<Answers>;
  private readonly answers: { node: string; answer: unknown }[] = [];
  private readonly gone: string[] = [];
  private readonly missing: Set<string>;
  private finish: (answers: Answers) => void = () => undefined;
  private readonly timer: NodeJS.Timeout;

  constructor(nodes: readonly string[], timeoutMs: number) {
    this.missing = new Set(nodes);
    this.answered = new Promise((resolve) => (this.finish = resolve));
    this.timer = setTimeout(() => this.end(), timeoutMs);
    if (this.missing.size === 0) this.end();
  }

  take(node: string, answer: unknown): void {
    if (!this.missing.delete(node)) return;
    this.answers.push({ node, answer });
    if (this.missing.size === 0) this.end();
  }

  /** A node that has gone answers nothing any more. */
  giveUp(node: string): void {
    if (!this.missing.delete(node)) return;
    this.gone.push(node);
    if (this.missing.size === 0) this.end();
  }

  end(): void {
    clearTimeout(this.timer);
    this.finish({ answers: this.answers, partial: this.missing.size > 0, gone: this.gone });
  }
}
