import { setTimeout as delay } from 'node:timers/promises';

import { BrokerUnavailableError } from '../broker.js';

/**
 * Limit on the time in which a room gathers what nodes know after Redis began a new run. Some nodes find a new master a
 * second or more after others.
 */
export const GATHERING_MS = 1500;
const RETRY_MS = 30;

/**
 * Retries until a room has gathered what nodes know.
 *
 * @param ask returns undefined while the room gathers
 * @param timeoutMs time in which Redis has to answer, apart from the gathering
 * @throws BrokerUnavailableError if the room still gathers after that
 */
export async function whenGathered<T>(ask: () => Promise<T | undefined>, timeoutMs: number): Promise<T> {
  const deadline = performance.now() + GATHERING_MS + timeoutMs;
  for (;;) {
    const answer = await ask();
    if (answer !== undefined) return answer;
    if (performance.now() > deadline) throw new BrokerUnavailableError('Redis: it has just begun a new run');
    await delay(RETRY_MS);
  }
}
