import { jest } from '@jest/globals';

import { RookeryOptions } from '../../../src/config/rookery.options.js';
import type { Connection } from '../../../src/connections/connection.js';
import { TokenClock } from '../../../src/connections/token-clock.js';

const START = 1_800_000_000_000;

interface Happening {
  readonly what: string | number;
  readonly at: number;
}

/** What a clock that starts at `now` does to a connection whose token ends at `expiresAt`. */
function watch(now: number, expiresAt: number, authExpiringMs: number): { happened: Happening[]; clock: TokenClock } {
  jest.useFakeTimers({ now });
  const clock = new TokenClock(Object.assign(new RookeryOptions(), { authExpiringMs }));
  const happened: Happening[] = [];
  const note = (what: string | number): void => void happened.push({ what, at: Date.now() });
  const connection = { principal: { expiresAt }, send: note, close: note };
  clock.watch(connection as unknown as Connection);
  return { happened, clock };
}

afterEach(() => {
  jest.useRealTimers();
});

describe('the token clock', () => {
  // Where in a second the clock’s ticks fall is chance; each place has to do.
  it.each([0, 1, 100, 250, 499, 500, 501, 750, 999])(
    'warns once and then closes, within a second of the time, when ticks fall %i ms into the second',
    (phase) => {
      const expiresAt = START + 10_000;
      const { happened, clock } = watch(START + phase, expiresAt, 4000);
      jest.advanceTimersByTime(20_000);
      clock.onApplicationShutdown();

      expect(happened.map(({ what }) => what)).toEqual(['auth:expiring', 4401]);
      const [warned, closed] = happened.map(({ at }) => at - expiresAt);
      expect(warned).toBeGreaterThanOrEqual(-4000);
      expect(warned).toBeLessThanOrEqual(-3000);
      expect(closed).toBeGreaterThanOrEqual(0);
      expect(closed).toBeLessThanOrEqual(1000);
    },
  );

  it('warns half way of a token that has less to live than the notice', () => {
    const { happened, clock } = watch(START, START + 10_000, 60_000);
    jest.advanceTimersByTime(20_000);
    clock.onApplicationShutdown();

    expect(happened).toEqual([
      { what: 'auth:expiring', at: START + 5000 },
      { what: 4401, at: START + 10_000 },
    ]);
  });

  it('closes what expired while the wall clock jumped ahead', () => {
    const { happened, clock } = watch(START, START + 3_600_000, 1000);
    jest.setSystemTime(START + 7_200_000);
    jest.advanceTimersByTime(2000);
    clock.onApplicationShutdown();

    expect(happened.map(({ what }) => what)).toEqual([4401]);
  });

  it('closes in time after the wall clock was set back and forth', () => {
    const expiresAt = START + 10_000;
    const { happened, clock } = watch(START, expiresAt, 0);
    jest.setSystemTime(START - 3_600_000);
    jest.advanceTimersByTime(2000);
    jest.setSystemTime(START + 5000);
    jest.advanceTimersByTime(10_000);
    clock.onApplicationShutdown();

    expect(happened.map(({ what }) => what)).toEqual([4401]);
    expect(happened[0]?.at).toBeLessThanOrEqual(expiresAt + 1000);
  });

  it('forgets a connection that is gone', () => {
    const { happened, clock } = watch(START, START + 3000, 0);
    const other = { principal: { expiresAt: START + 3000 }, close: () => happened.push({ what: 'closed', at: 0 }) };
    clock.watch(other as unknown as Connection);
    clock.forget(other as unknown as Connection);
    jest.advanceTimersByTime(10_000);
    clock.onApplicationShutdown();

    expect(happened.map(({ what }) => what)).toEqual([4401]);
  });
});
