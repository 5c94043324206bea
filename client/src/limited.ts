import { clientError, type RookeryError } from './errors.js';

/** How long a call may take, and by what it is given up. */
export interface Limits {
  /** Milliseconds; 0 for no bound. */
  readonly timeoutMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Ends a call: with its result, or with why there is none. */
export type Settle<T> = (outcome: T | RookeryError) => void;

/** 23 days. Timers take little more: the platform has what is longer, `Infinity` for one, come at once. */
const MAX_TIMER_MS = 2_000_000_000;

/** Whether the time ever ends: 0 is for no bound, and so is what is longer than a timer can be. */
export function isBounded(ms: number): boolean {
  return ms > 0 && ms < MAX_TIMER_MS;
}

/**
 * A promise that a signal or the time may end.
 *
 * @param begin starts what it is about; returns what is to be done when it is given up
 * @param graceMs asked when the time is over: how long it may take yet
 * @param details of the error when the time is over
 */
export function limited<T>(
  { timeoutMs = 0, signal }: Limits,
  begin: (settle: Settle<T>) => () => void,
  graceMs?: () => number,
  details?: Readonly<Record<string, unknown>>,
): Promise<T> {
  return new Promise((resolve, reject) => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    let cancel: (() => void) | undefined;
    const settle: Settle<T> = (outcome) => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', onAbort);
      if (outcome instanceof Error) reject(outcome);
      else resolve(outcome);
    };
    const onAbort = (): void => {
      cancel?.();
      settle(clientError('ABORTED', 'Aborted', undefined, signal?.reason));
    };
    const onTimeout = (): void => {
      const grace = graceMs?.() ?? 0;
      if (grace > 0) {
        timer = setTimeout(onTimeout, grace);
        return;
      }
      cancel?.();
      settle(clientError('TIMEOUT', 'Too late', details));
    };
    if (signal?.aborted) {
      onAbort();
      return;
    }
    signal?.addEventListener('abort', onAbort);
    if (isBounded(timeoutMs)) timer = setTimeout(onTimeout, timeoutMs);
    cancel = begin(settle);
  });
}
