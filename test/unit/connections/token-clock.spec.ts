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

  it('closes in time where the clock is set back in the second in which the token was judged', () => {
    const { happened, clock } = watch(START + 300, START + 15_000, 5000);
    jest.setSystemTime(START - 3_600_000);
    jest.advanceTimersByTime(9000);
    expect(happened).toEqual([]);
    jest.advanceTimersByTime(2000);
    expect(happened.map(({ what }) => what)).toEqual(['auth:expiring']);
    jest.advanceTimersByTime(4900);
    clock.onApplicationShutdown();

    expect(happened.map(({ what }) => what)).toEqual(['auth:expiring', 4401]);
  });

  it.each([-3600, -86_400])(
    'closes in time a token that was judged after the clock was set back by %i s',
    (seconds) => {
      jest.useFakeTimers({ now: START });
      const clock = new TokenClock(Object.assign(new RookeryOptions(), { authExpiringMs: 0 }));
      jest.advanceTimersByTime(5000);
      const now = START + seconds * 1000;
      jest.setSystemTime(now);
      const closed: number[] = [];
      const connection = {
        principal: { expiresAt: now + 15_000 },
        send: jest.fn(),
        close: () => closed.push(Date.now()),
      };
      clock.watch(connection as unknown as Connection);
      jest.advanceTimersByTime(20_000);
      clock.onApplicationShutdown();

      expect(closed).toHaveLength(1);
      expect(closed[0]).toBeGreaterThanOrEqual(now + 15_000);
      expect(closed[0]).toBeLessThanOrEqual(now + 16_000);
    },
  );

  it('gives a token its whole time again where the clock jumped ahead by mistake and came back', () => {
    const { happened, clock } = watch(START, START + 7_200_000, 60_000);
    jest.setSystemTime(START + 3_600_000);
    jest.advanceTimersByTime(10_000);
    jest.setSystemTime(START + 10_000);
    jest.advanceTimersByTime(7_100_000);
    expect(happened).toEqual([]);
    jest.advanceTimersByTime(100_000);
    clock.onApplicationShutdown();

    expect(happened.map(({ what }) => what)).toEqual(['auth:expiring', 4401]);
  });

  it('warns and closes by the wall clock that goes ahead slowly', () => {
    const { happened, clock } = watch(START, START + 100_000, 10_000);
    for (let second = 1; second <= 51; second += 1) {
      jest.advanceTimersByTime(1000);
      jest.setSystemTime(START + second * 2000);
    }
    jest.advanceTimersByTime(1000);
    clock.onApplicationShutdown();

    expect(happened.map(({ what }) => what)).toEqual(['auth:expiring', 4401]);
    expect((happened[0]?.at ?? 0) - START).toBeGreaterThanOrEqual(90_000);
    expect((happened[0]?.at ?? 0) - START).toBeLessThanOrEqual(93_000);
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
