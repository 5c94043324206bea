import type { Worker } from 'node:cluster';

import { SIBLING_TIMEOUT_MS, isSiblingWord, type SiblingAnswers, type SiblingWord } from './cluster/siblings.js';

interface Question {
  readonly asker: Worker;
  /** How the asker names it. */
  readonly id: number;
  /** Numbers of those that have not answered. */
  readonly missing: Set<number>;
  readonly answers: { worker: number; answer: unknown }[];
  readonly timer: NodeJS.Timeout;
}

/** Passes questions of each worker on to the others, and their answers back, as one and in a bounded time. */
export class WorkerExchange {
  private readonly serving = new Map<number, Worker>();
  private readonly questions = new Map<number, Question>();
  private asked = 0;

  /** Takes what a worker says; it is asked itself from when it serves the port on. */
  add(worker: Worker, number: number): void {
    worker.on('message', (message: unknown) => {
      if (!isSiblingWord(message)) return;
      if (message.rookery === 'ask') this.ask(worker, message);
      else if (message.rookery === 'answer') this.answer(number, message);
    });
    worker.on('listening', () => this.serving.set(number, worker));
    worker.on('exit', () => this.remove(worker, number));
  }

  private ask(asker: Worker, { id, topic }: Extract<SiblingWord, { rookery: 'ask' }>): void {
    const others = [...this.serving].filter(([, worker]) => worker !== asker);
    const key = (this.asked += 1);
    const question: Question = {
      asker,
      id,
      missing: new Set(others.map(([number]) => number)),
      answers: [],
      timer: setTimeout(() => this.finish(key), SIBLING_TIMEOUT_MS),
    };
    this.questions.set(key, question);
    for (const [, worker] of others) send(worker, { rookery: 'question', id: key, topic });
    this.finishIfComplete(key, question);
  }

  private answer(worker: number, { id, answer }: Extract<SiblingWord, { rookery: 'answer' }>): void {
    const question = this.questions.get(id);
    if (question === undefined || !question.missing.delete(worker)) return;
    question.answers.push({ worker, answer });
    this.finishIfComplete(id, question);
  }

  /** One that has ended answers nothing any more, and is not missed. */
  private remove(worker: Worker, number: number): void {
    if (this.serving.get(number) === worker) this.serving.delete(number);
    for (const [key, question] of this.questions) {
      question.missing.delete(number);
      this.finishIfComplete(key, question);
    }
  }

  private finishIfComplete(key: number, { missing }: Question): void {
    if (missing.size === 0) this.finish(key);
  }

  private finish(key: number): void {
    const question = this.questions.get(key);
    if (question === undefined) return;
    this.questions.delete(key);
    clearTimeout(question.timer);
    const outcome: SiblingAnswers = { answers: question.answers, silent: [...question.missing] };
    send(question.asker, { rookery: 'answers', id: question.id, ...outcome });
  }
}

function send(worker: Worker, word: SiblingWord): void {
  // One that ends at this moment does not get it; its end is told by itself.
  if (worker.isConnected()) worker.send(word, () => undefined);
}
