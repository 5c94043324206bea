import process from 'node:process';

import { Injectable, Logger, type OnApplicationShutdown } from '@nestjs/common';

/** Set by the supervisor in each process that it starts: which of them this is, from 1. */
export const WORKER_NUMBER = 'ROOKERY_WORKER';

/** How long the supervisor waits for the others, and how long a process waits for the supervisor. */
export const SIBLING_TIMEOUT_MS = 1000;
const SUPERVISOR_TIMEOUT_MS = 1500;

/** What the other processes on the port answered. */
export interface SiblingAnswers {
  readonly answers: readonly { readonly worker: number; readonly answer: unknown }[];
  /** Those that did not, in time. */
  readonly silent: readonly number[];
}

/** Word between a process and its supervisor, by the channel that Node keeps between them. */
export type SiblingWord =
  | { readonly rookery: 'ask'; readonly id: number; readonly topic: string }
  | { readonly rookery: 'question'; readonly id: number; readonly topic: string }
  | { readonly rookery: 'answer'; readonly id: number; readonly answer: unknown }
  | ({ readonly rookery: 'answers'; readonly id: number } & SiblingAnswers);

/** True for a message of this protocol: an application may send others by the same channel. */
export function isSiblingWord(message: unknown): message is SiblingWord {
  return typeof message === 'object' && message !== null && 'rookery' in message;
}

/**
 * The other processes that serve the same port. Unlike the other nodes they can be asked without Redis, by way of
 * their supervisor. A process without one has no siblings.
 */
@Injectable()
export class Siblings implements OnApplicationShutdown {
  /** Which of them this process is; undefined where it is alone. */
  readonly worker: number | undefined;
  private readonly logger = new Logger(Siblings.name);
  private readonly listeners = new Map<string, () => unknown>();
  private readonly asked = new Map<number, (answers: SiblingAnswers) => void>();
  private readonly onMessage = (message: unknown): void => {
    if (isSiblingWord(message)) void this.take(message);
  };
  private questions = 0;

  constructor() {
    const number = Number(process.env[WORKER_NUMBER]);
    if (!(number > 0) || process.send === undefined) return;
    this.worker = number;
    process.on('message', this.onMessage);
  }

  onApplicationShutdown(): void {
    process.off('message', this.onMessage);
    for (const settle of this.asked.values()) settle({ answers: [], silent: [] });
  }

  /** Has one listener answer what is asked about a topic. */
  on(topic: string, listener: () => unknown): void {
    this.listeners.set(topic, listener);
  }

  /** Asks all others that serve the port by now, and waits for a bounded time. Never rejects. */
  async ask(topic: string): Promise<SiblingAnswers> {
    if (this.worker === undefined) return { answers: [], silent: [] };
    const id = (this.questions += 1);
    let timer: NodeJS.Timeout | undefined;
    const answers = await new Promise<SiblingAnswers>((resolve) => {
      this.asked.set(id, resolve);
      // The supervisor is silent only when it is stopped; it is no worker, and so has no number.
      timer = setTimeout(() => resolve({ answers: [], silent: [0] }), SUPERVISOR_TIMEOUT_MS);
      this.send({ rookery: 'ask', id, topic });
    });
    clearTimeout(timer);
    this.asked.delete(id);
    return answers;
  }

  private async take(word: SiblingWord): Promise<void> {
    if (word.rookery === 'answers') {
      this.asked.get(word.id)?.({ answers: word.answers, silent: word.silent });
    } else if (word.rookery === 'question') {
      try {
        const answer = await this.listeners.get(word.topic)?.();
        this.send({ rookery: 'answer', id: word.id, answer });
      } catch (error) {
        this.logger.error(`What another process asked about ${word.topic} cannot be answered: ${String(error)}`);
      }
    }
  }

  private send(word: SiblingWord): void {
    // Where the supervisor is gone, so is this process before long; who waits is told by the time.
    process.send?.(word, undefined, undefined, () => undefined);
  }
}
