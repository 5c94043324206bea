import * as fc from 'fast-check';

import { World, type Event } from '../../model/world.js';

/** `npm run test:soak` plays many more, and longer ones. */
const RUNS = Number(process.env['SOAK_RUNS'] ?? 2000);
const STEPS = Number(process.env['SOAK_STEPS'] ?? 60);

const NODES = 3;
const MEMBERS = 4;

const node = fc.nat(NODES - 1);
const member = fc.nat(MEMBERS - 1);
const faults: Event[] = [{ kind: 'restart' }, { kind: 'wait' }];

function eventOf(...others: Event[]): fc.Arbitrary<Event> {
  return fc.oneof(
    { weight: 8, arbitrary: fc.record({ kind: fc.constant('publish' as const), node }) },
    { weight: 8, arbitrary: fc.record({ kind: fc.constant('deliver' as const), node }) },
    { weight: 3, arbitrary: fc.record({ kind: fc.constantFrom('compare' as const, 'move' as const), node }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constantFrom('stop' as const, 'kill' as const), node }) },
    { weight: 3, arbitrary: fc.constant<Event>({ kind: 'replicate' }) },
    { weight: 1, arbitrary: fc.constantFrom<Event>(...faults, ...others) },
    { weight: 4, arbitrary: fc.record({ kind: fc.constant('join' as const), member, node }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('leave' as const), member }) },
  );
}

const steps = (event: fc.Arbitrary<Event>): fc.Arbitrary<Event[]> =>
  fc.array(event, { minLength: 1, maxLength: STEPS, size: 'max' });

function play(events: readonly Event[], exists: boolean): World {
  const world = new World(NODES, MEMBERS, exists);
  world.play(events);
  return world;
}

describe('Rooms whose Redis fails over repeatedly', () => {
  it('give each message once and in one order, and announce losses, while replaced masters continue', () => {
    fc.assert(
      fc.property(steps(eventOf({ kind: 'promote' })), (events) => {
        expect(play(events, true).violations).toEqual([]);
      }),
      { numRuns: RUNS },
    );
  }, 3_600_000);

  it('give each message once and in one order, and announce losses, if Redis loses whole rooms', () => {
    fc.assert(
      fc.property(steps(eventOf()), (events) => {
        expect(play(events, false).violations).toEqual([]);
      }),
      { numRuns: RUNS },
    );
  }, 3_600_000);

  it('give each message once and in one order, and announce losses, if Redis starts from files of any age', () => {
    const backup = fc.record({ kind: fc.constant('goBack' as const), backup: fc.nat(9) });
    const event = fc.oneof(
      { weight: 8, arbitrary: eventOf() },
      { weight: 2, arbitrary: backup },
      { weight: 1, arbitrary: fc.constant<Event>({ kind: 'backUp' }) },
    );
    fc.assert(
      fc.property(steps(event), fc.boolean(), (events, exists) => {
        expect(play(events, exists).violations).toEqual([]);
      }),
      { numRuns: RUNS },
    );
  }, 3_600_000);

  it('lose nothing that healthy nodes have seen', () => {
    const members = Array.from({ length: NODES }, (_none, n): Event => ({ kind: 'join', member: n, node: n }));
    // A server that never had a message does not know how many nodes subscribe, and gathers until the deadline.
    const beginning: Event[] = [...members, { kind: 'publish', node: 0 }, { kind: 'replicate' }];
    const events = fc.oneof(
      { weight: 8, arbitrary: fc.record({ kind: fc.constantFrom('publish' as const, 'deliver' as const), node }) },
      { weight: 4, arbitrary: fc.constantFrom<Event>({ kind: 'replicate' }, { kind: 'replace' }) },
      { weight: 2, arbitrary: fc.record({ kind: fc.constant('join' as const), member, node }) },
    );
    fc.assert(
      fc.property(steps(events), (rest) => {
        const { announcements, violations } = play([...beginning, ...rest], true);
        expect({ announcements, violations }).toEqual({ announcements: 0, violations: [] });
      }),
      { numRuns: RUNS },
    );
  }, 3_600_000);
});
