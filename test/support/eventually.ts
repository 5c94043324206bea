import { setTimeout as delay } from 'node:timers/promises';

/**
 * How long a condition may take to come true; a bound on failures, never a wait. It is shorter than the longest time that
 * a client may give for confirmations, so that an answer which comes does not come by that time.
 */
export const PATIENCE_MS = 45_000;

/** What a machine whose cores are all busy may add to any time that something takes. */
export const BUSY_MS = 15_000;

/** Waits until a condition holds; fails with what it last was. */
export async function eventually<T>(
  read: () => T | Promise<T>,
  holds: (value: T) => boolean,
  patienceMs = PATIENCE_MS,
): Promise<T> {
  const deadline = performance.now() + patienceMs;
  for (;;) {
    const value = await read();
    if (holds(value)) return value;
    if (performance.now() > deadline)
      throw new Error(`the condition did not come true; last: ${JSON.stringify(value)}`);
    await delay(5);
  }
}
