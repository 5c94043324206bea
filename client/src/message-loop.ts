import { abortError, clientError, type RookeryError } from './errors.js';

export interface LoopOptions {
  /** Ends the loop with `ABORTED`. */
  readonly signal?: AbortSignal | undefined;
  /**
   * How many messages may wait for the loop; one more ends it with `OVERFLOW`.
   *
   * @default 1_000
   */
  readonly max?: number | undefined;
}

interface Waiter<Item> {
  resolve(result: IteratorResult<Item, undefined>): void;
  reject(error: RookeryError): void;
}

/** From events to a loop: keeps what came until it is asked for. */
export class MessageLoop<Item> implements AsyncIterableIterator<Item, undefined> {
  private items: Item[] = [];
  private waiters: Waiter<Item>[] = [];
  private ended = false;
  private error: RookeryError | undefined;
  private readonly onAbort = (): void => this.fail(abortError(this.options.signal as AbortSignal));

  /** @param stop called once, when nothing is wanted any more */
  constructor(
    private readonly options: LoopOptions,
    private readonly stop: () => void,
  ) {
    const { signal } = options;
    if (signal?.aborted) this.onAbort();
    signal?.addEventListener('abort', this.onAbort);
  }

  push(item: Item): void {
    if (this.ended) return;
    const waiter = this.waiters.shift();
    if (waiter !== undefined) waiter.resolve({ value: item, done: false });
    else if (this.items.length < (this.options.max ?? 1000)) this.items.push(item);
    else this.fail(clientError('OVERFLOW', 'The loop did not keep up with the messages'));
  }

  /** What waits is given yet, and then the loop is over. */
  end(): void {
    if (this.ended) return;
    this.ended = true;
    this.options.signal?.removeEventListener('abort', this.onAbort);
    this.stop();
    for (const { resolve } of this.waiters.splice(0)) resolve({ value: undefined, done: true });
  }

  fail(error: RookeryError): void {
    if (this.ended) return;
    const [first, ...others] = this.waiters;
    this.waiters = others;
    if (first === undefined) this.error = error;
    else first.reject(error);
    this.end();
  }

  next(): Promise<IteratorResult<Item, undefined>> {
    const [item] = this.items;
    if (this.items.length > 0) {
      this.items.shift();
      return Promise.resolve({ value: item as Item, done: false });
    }
    const { error } = this;
    this.error = undefined;
    if (error !== undefined) return Promise.reject(error);
    if (this.ended) return Promise.resolve({ value: undefined, done: true });
    return new Promise((resolve, reject) => {
      this.waiters.push({ resolve, reject });
    });
  }

  /** Leaving the loop ends it. */
  return(): Promise<IteratorResult<Item, undefined>> {
    this.items = [];
    this.end();
    return Promise.resolve({ value: undefined, done: true });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}
