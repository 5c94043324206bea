/** Bounds of the delays between attempts, in milliseconds. */
export interface Delays {
  readonly minDelayMs: number;
  readonly maxDelayMs: number;
}

/** No power of two beyond this one makes a difference. */
const MAX_GROWTH = 30;

/**
 * A delay with full jitter: drawn between the lower bound and a ceiling that doubles each time, so that clients that
 * lost one server do not come back to the next all at once.
 *
 * @param growth how many attempts went before
 * @param random from 0 to 1
 */
export function backOff(growth: number, { minDelayMs, maxDelayMs }: Delays, random: number): number {
  const ceiling = Math.min(maxDelayMs, minDelayMs * 2 ** Math.min(growth + 1, MAX_GROWTH));
  return minDelayMs + random * Math.max(0, ceiling - minDelayMs);
}
