import * as fc from 'fast-check';

import { TicketAllowance } from '../../../src/auth/ticket-allowance.js';

const TTL_MS = 100;

const calls = fc.array(fc.record({ user: fc.constantFrom('a', 'b', 'c'), afterMs: fc.nat({ max: 60 }) }), {
  maxLength: 60,
});

describe('TicketAllowance', () => {
  it('gives no user and not all together more than their bound within the time of a ticket', () => {
    fc.assert(
      fc.property(calls, fc.integer({ min: 1, max: 4 }), fc.integer({ min: 1, max: 6 }), (steps, perUser, max) => {
        const allowance = new TicketAllowance(perUser, max, TTL_MS);
        const given: { user: string; at: number }[] = [];
        let now = 0;
        for (const { user, afterMs } of steps) {
          now += afterMs;
          if (allowance.take(user, now) === 0) given.push({ user, at: now });
          const recent = given.filter(({ at }) => at > now - TTL_MS);
          expect(recent.length).toBeLessThanOrEqual(max);
          expect(recent.filter((ticket) => ticket.user === user).length).toBeLessThanOrEqual(perUser);
        }
      }),
    );
  });

  it('says when there is one again, and is right', () => {
    fc.assert(
      fc.property(calls, fc.integer({ min: 1, max: 4 }), (steps, perUser) => {
        const allowance = new TicketAllowance(perUser, 0, TTL_MS);
        const waits: [boolean, number][] = [];
        let now = 0;
        for (const { user, afterMs } of steps) {
          now += afterMs;
          const waitMs = allowance.take(user, now);
          expect(waitMs).toBeLessThanOrEqual(TTL_MS);
          if (waitMs === 0) continue;
          waits.push([allowance.take(user, now + waitMs - 1) > 0 || waitMs === 1, allowance.take(user, now + waitMs)]);
          now += waitMs;
        }
        expect(waits).toEqual(waits.map(() => [true, 0]));
      }),
    );
  });

  it('remembers nobody for longer than that', () => {
    const allowance = new TicketAllowance(2, 0, TTL_MS);
    for (let n = 0; n < 1000; n += 1) allowance.take(`u${n}`, 0);
    expect(allowance.size).toBe(1000);
    allowance.take('another', TTL_MS);
    expect(allowance.size).toBe(1);
  });

  it('has no bounds at 0', () => {
    const allowance = new TicketAllowance(0, 0, TTL_MS);
    for (let n = 0; n < 1000; n += 1) expect(allowance.take('a', 0)).toBe(0);
  });
});
