import * as fc from 'fast-check';

import { TokenBucket, type Rate } from '../../../src/telemetry/token-bucket.js';

describe('TokenBucket', () => {
  it('lets a burst through, and then one at a time', () => {
    const bucket = new TokenBucket({ burst: 3, perSecond: 10 }, 0);
    expect([0, 0, 0, 0].map((now) => bucket.take(now))).toStrictEqual([0, 0, 0, 100]);
    expect(bucket.take(50)).toBe(50);
    expect(bucket.take(100)).toBe(0);
    expect(bucket.take(100)).toBe(100);
  });

  it('goes into debt for what was let through for less', () => {
    const bucket = new TokenBucket({ burst: 3, perSecond: 10 }, 0);
    expect(bucket.take(0)).toBe(0);
    bucket.charge(4);
    expect(bucket.take(0)).toBe(300);
    expect(bucket.take(300)).toBe(0);
  });

  it('saves up to a burst and no more', () => {
    const bucket = new TokenBucket({ burst: 2, perSecond: 1000 }, 0);
    const taken = Array.from({ length: 4 }, () => bucket.take(3_600_000));
    expect(taken.map((wait) => wait === 0)).toStrictEqual([true, true, false, false]);
  });

  it('has no bound at a rate of 0', () => {
    const bucket = new TokenBucket({ burst: 1, perSecond: 0 }, 0);
    expect(Array.from({ length: 1000 }, () => bucket.take(0)).every((wait) => wait === 0)).toBe(true);
  });

  const rates: fc.Arbitrary<Rate> = fc.record({
    burst: fc.integer({ min: 1, max: 5 }),
    perSecond: fc.integer({ min: 1, max: 1000 }),
  });
  /** Times between two attempts, in milliseconds. */
  const pauses = fc.array(fc.oneof(fc.constant(0), fc.nat(500), fc.double({ min: 0, max: 50, noNaN: true })), {
    maxLength: 50,
  });

  it('never lets through more than the burst and what the time brings', () => {
    fc.assert(
      fc.property(rates, pauses, (rate, waits) => {
        const bucket = new TokenBucket(rate, 0);
        let now = 0;
        let granted = 0;
        for (const wait of waits) {
          now += wait;
          if (bucket.take(now) === 0) granted += 1;
        }
        expect(granted).toBeLessThanOrEqual(rate.burst + (now * rate.perSecond) / 1000 + 1e-6);
      }),
    );
  });

  it('keeps its word: whoever waits as long as it says gets through', () => {
    fc.assert(
      fc.property(rates, fc.array(fc.nat(200), { minLength: 10 }), (rate, waits) => {
        const bucket = new TokenBucket(rate, 0);
        let now = 0;
        for (const wait of waits) {
          now += wait;
          const promised = bucket.take(now);
          now += promised;
          expect(promised === 0 || bucket.take(now) === 0).toBe(true);
        }
      }),
      { numRuns: 1000 },
    );
  });
});
