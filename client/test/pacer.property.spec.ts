import * as fc from 'fast-check';

import { TokenBucket } from '../../src/telemetry/token-bucket.js';
import { backOff } from '../src/back-off.js';
import { Pacer } from '../src/pacer.js';

interface Sent {
  readonly cost: number;
}

interface Act {
  readonly act: 'send' | 'sleep' | 'arrive' | 'answer';
  readonly cost: number;
}

const acts: fc.Arbitrary<Act[]> = fc.array<Act>(
  fc.oneof(
    { weight: 6, arbitrary: fc.record({ act: fc.constant('send'), cost: fc.constant(1) }) },
    { weight: 1, arbitrary: fc.record({ act: fc.constant('send'), cost: fc.integer({ min: 2, max: 30 }) }) },
    {
      weight: 2,
      arbitrary: fc.record({ act: fc.constant('sleep'), cost: fc.integer({ min: 1, max: 4000 }) }),
    },
    {
      weight: 2,
      arbitrary: fc.record({
        act: fc.constantFrom('arrive', 'answer'),
        cost: fc.integer({ min: 1, max: 50 }),
      }),
    },
  ),
  { maxLength: 300 },
);

/** The time in which the first was unanswered must not pay for the second. */
const LONG_ON_ITS_WAY: Act[] = [
  { act: 'send', cost: 1 },
  { act: 'sleep', cost: 256 },
  { act: 'arrive', cost: 1 },
  { act: 'answer', cost: 1 },
  { act: 'send', cost: 1 },
  { act: 'arrive', cost: 1 },
];

describe('pacing', () => {
  it('never sends more than the server’s own bucket lets through, however the network holds messages back', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 100 }),
        fc.integer({ min: 1, max: 100 }),
        acts,
        (perSecond, burst, list) => {
          let now = 0;
          const pacer = new Pacer({ perSecond, burst }, now);
          const server = new TokenBucket({ perSecond, burst }, now);
          const onTheWay: Sent[] = [];
          const answered: Sent[] = [];
          for (const { act, cost } of list) {
            if (act === 'sleep') now += cost;
            if (act === 'send' && pacer.wait(now) === 0) {
              pacer.sent(cost);
              onTheWay.push({ cost });
            }
            for (let left = act === 'arrive' ? cost : 0; left > 0; left -= 1) {
              const message = onTheWay.shift();
              if (message === undefined) break;
              expect(server.take(now)).toBe(0);
              server.charge(message.cost - 1);
              answered.push(message);
            }
            for (let left = act === 'answer' ? cost : 0; left > 0; left -= 1)
              pacer.answered(answered.shift()?.cost ?? 0, now);
          }
        },
      ),
      { numRuns: 3000, examples: [[4, 1, LONG_ON_ITS_WAY]] },
    );
  });

  it('lets through what the rate allows when it is told how long to wait', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 1000 }), fc.integer({ min: 1, max: 100 }), (perSecond, burst) => {
        let now = 0;
        const pacer = new Pacer({ perSecond, burst }, now);
        const count = 200;
        const left: number[] = [];
        for (let sent = 0; sent < count; sent += 1) {
          now += pacer.wait(now);
          left.push(pacer.wait(now));
          pacer.sent(1);
          pacer.answered(1, now);
        }
        expect(left).toEqual(Array.from({ length: count }, () => 0));
        // A millisecond for each rounding, and the margin for clocks.
        expect(now).toBeLessThanOrEqual((Math.max(0, count - burst) / perSecond) * 1000 * 1.05 + count);
      }),
    );
  });

  it('draws delays between the bounds, and lets them grow', () => {
    const random = fc.double({ min: 0, max: 1, noNaN: true });
    fc.assert(
      fc.property(fc.nat(100_000), random, (waitedMs, drawn) => {
        const delay = backOff(waitedMs, { minDelayMs: 500, maxDelayMs: 30_000 }, drawn);
        expect(delay).toBeGreaterThanOrEqual(500);
        expect(delay).toBeLessThanOrEqual(30_000);
      }),
    );
    const longest = [0, 2000, 8000, 60_000].map((waitedMs) =>
      backOff(waitedMs, { minDelayMs: 500, maxDelayMs: 30_000 }, 1),
    );
    expect(longest).toEqual([1000, 2000, 8000, 30_000]);
  });
});
