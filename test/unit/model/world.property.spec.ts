import fc from 'fast-check';

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

function plays(event: fc.Arbitrary<Event>, exists: boolean): void {
  fc.assert(
    fc.property(fc.array(event, { minLength: 1, maxLength: STEPS, size: 'max' }), (events) => {
      const world = new World(NODES, MEMBERS, exists);
      world.play(events);
      if (world.violations.length > 0) throw new Error(world.violations.join('; '));
    }),
    { numRuns: RUNS },
  );
}

describe('a room whose Redis fails over again and again', () => {
  it('gives each message once, in one order, and tells what is lost, while replaced masters go on', () => {
    plays(eventOf({ kind: 'promote' }), true);
  });

  it('loses nothing that nodes have seen who are well', () => {
    const members = Array.from({ length: NODES }, (_none, n): Event => ({ kind: 'join', member: n, node: n }));
    const events = fc.oneof(
      { weight: 8, arbitrary: fc.record({ kind: fc.constantFrom('publish' as const, 'deliver' as const), node }) },
      { weight: 4, arbitrary: fc.constantFrom<Event>({ kind: 'replicate' }, { kind: 'replace' }) },
      { weight: 2, arbitrary: fc.record({ kind: fc.constant('join' as const), member, node }) },
    );
    fc.assert(
      fc.property(fc.array(events, { maxLength: STEPS, size: 'max' }), (rest) => {
        const world = new World(NODES, MEMBERS, true);
        // What the room begins with has been copied: from a server that never had it nothing can go on.
        world.play([...members, { kind: 'publish', node: 0 }, { kind: 'replicate' }, ...rest]);
        if (world.announcements > 0) throw new Error(`${world.announcements} losses`);
      }),
      { numRuns: RUNS },
    );
  });

  it('does so where the room is so new that Redis may have lost all of it', () => {
    plays(eventOf(), false);
  });
});
