import { clientError, type RookeryError } from './errors.js';
import { limited } from './limited.js';

/** How to loop over messages. */
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

/** From events to a loop: keeps what came until it is asked for. */
export interface MessageLoop<Item> {
  readonly iterator: AsyncIterableIterator<Item, undefined>;
  readonly push: (item: Item) => void;
  /** What waits is given yet, and then the loop is over: in good order, or with an error. */
  readonly end: (error?: RookeryError) => void;
}

/** @param stop called when nothing is wanted any more */
export function createMessageLoop<Item>({ signal, max = 1000 }: LoopOptions, stop: () => void): MessageLoop<Item> {
  const items: Item[] = [];
  let isOver = false;
  let failure: RookeryError | undefined;
  let wake: (() => void) | undefined;
  let finish: (() => void) | undefined;

  const end = (error?: RookeryError): void => {
    if (isOver) return;
    isOver = true;
    failure = error;
    finish?.();
    stop();
    wake?.();
  };
  const push = (item: Item): void => {
    if (isOver) return;
    if (items.length < max) items.push(item);
    else end(clientError('OVERFLOW', 'Too slow'));
    wake?.();
  };

  async function* read(): AsyncGenerator<Item, undefined> {
    try {
      for (;;) {
        while (items.length > 0) yield items.shift() as Item;
        if (failure !== undefined) throw failure;
        if (isOver) return undefined;
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    } finally {
      // Leaving the loop ends it.
      end();
    }
  }

  limited<void>({ signal }, (settle) => {
    finish = settle;
    return () => undefined;
  }).catch(end);
  return { iterator: read(), push, end };
}
