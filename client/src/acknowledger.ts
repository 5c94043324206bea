import type { Position } from '../../src/protocol/position.js';

/** Sends positions one after the other; of those that wait, only the latest. */
export function createAcknowledger(send: (position: Position) => Promise<unknown>) {
  let sending: Promise<void> | undefined;
  let next: Position | undefined;

  async function sendAll(): Promise<void> {
    for (let to = next; to !== undefined; to = next) {
      next = undefined;
      await send(to);
    }
  }

  return (to: Position): Promise<void> => {
    next = to;
    sending ??= sendAll().finally(() => {
      sending = undefined;
    });
    // Handlers of messages need not wait for it: the next one says the same and more.
    sending.catch(() => undefined);
    return sending;
  };
}
