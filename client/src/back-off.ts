/** Bounds of the delays between attempts, in milliseconds. */
export interface Delays {
  readonly minDelayMs: number;
  readonly maxDelayMs: number;
}

/**
 * Draws a delay between the lower bound and the time that was waited so far, at least twice the lower bound. So delays
 * grow, nobody waits much longer than the server was away, and clients that lost one server do not come back to the
 * next all at once.
 *
 * @param waitedMs sum of the delays before this one
 * @param random from 0 to 1
 * @returns whole milliseconds
 */
export function backOff(waitedMs: number, { minDelayMs, maxDelayMs }: Delays, random: number): number {
  const ceiling = Math.min(maxDelayMs, Math.max(minDelayMs * 2, waitedMs));
  return Math.round(minDelayMs + random * Math.max(0, ceiling - minDelayMs));
}
