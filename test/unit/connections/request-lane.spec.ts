import * as fc from 'fast-check';

import { RequestLane } from '../../../src/connections/request-lane.js';

interface Deferred {
  readonly promise: Promise<void>;
  readonly resolve: () => void;
}

const nothing = (): void => undefined;

function deferred(): Deferred {
  let resolve = nothing;
  const promise = new Promise<void>((settle) => (resolve = settle));
  return { promise, resolve };
}

const settled = (): Promise<void> => new Promise(setImmediate);

describe('requests in a lane', () => {
  it('begin at once while nothing is before them', () => {
    const begun: number[] = [];
    const lane = new RequestLane(10);
    lane.enqueue(() => void begun.push(1));
    lane.enqueue(() => void begun.push(2));
    expect(begun).toEqual([1, 2]);
    expect(lane.isIdle).toBe(true);
  });

  it('begin when the one before has taken effect', async () => {
    const begun: number[] = [];
    const lane = new RequestLane(10);
    const first = deferred();
    lane.enqueue(() => first.promise);
    lane.enqueue(() => void begun.push(2));
    lane.enqueue(() => void begun.push(3));
    await settled();
    expect(begun).toEqual([]);
    expect([lane.length, lane.isFree]).toEqual([2, false]);
    first.resolve();
    await settled();
    expect(begun).toEqual([2, 3]);
    expect(lane.isIdle).toBe(true);
  });

  it('wait for what holds the lane up', async () => {
    const begun: number[] = [];
    const lane = new RequestLane(10);
    const before = deferred();
    lane.hold(before.promise);
    lane.enqueue(() => void begun.push(1));
    expect(begun).toEqual([]);
    before.resolve();
    await settled();
    expect(begun).toEqual([1]);
  });

  it('wait while as many replies are outstanding as may be', () => {
    const begun: number[] = [];
    const lane = new RequestLane(2);
    const fills = [lane.reserve(), lane.reserve()];
    lane.enqueue(() => void begun.push(1));
    expect(begun).toEqual([]);
    fills[0]?.(nothing);
    expect(begun).toEqual([1]);
  });
});

describe('replies in a lane', () => {
  it('go out in the order in which their places were taken', () => {
    const sent: number[] = [];
    const lane = new RequestLane(10);
    const fills = [lane.reserve(), lane.reserve(), lane.reserve()];
    expect([lane.isFree, lane.isIdle]).toEqual([true, false]);
    fills[2]?.(() => sent.push(3));
    fills[1]?.(() => sent.push(2));
    expect(sent).toEqual([]);
    fills[0]?.(() => sent.push(1));
    expect(sent).toEqual([1, 2, 3]);
    expect(lane.isIdle).toBe(true);
  });
});

describe('a lane under any delays', () => {
  const requests = fc.array(
    fc.record({ effect: fc.constantFrom('now', 'later'), reply: fc.constantFrom('now', 'later') }),
    { maxLength: 12 },
  );

  it('keeps the order of the requests and of the replies, and comes to rest', async () => {
    await fc.assert(
      fc.asyncProperty(
        requests,
        fc.integer({ min: 1, max: 4 }),
        fc.scheduler(),
        async (given, maxReplies, scheduler) => {
          const lane = new RequestLane(maxReplies);
          const begun: number[] = [];
          const sent: number[] = [];
          given.forEach(({ effect, reply }, n) => {
            lane.enqueue(() => {
              begun.push(n);
              const fill = lane.reserve();
              const send = (): void => fill(() => sent.push(n));
              if (reply === 'now') send();
              else void scheduler.schedule(Promise.resolve(), `reply ${n}`).then(send);
              return effect === 'now' ? undefined : scheduler.schedule(Promise.resolve(), `effect ${n}`);
            });
          });
          await scheduler.waitIdle();
          const all = given.map((_request, n) => n);
          expect(begun).toEqual(all);
          expect(sent).toEqual(all);
          expect(lane.isIdle).toBe(true);
        },
      ),
      { numRuns: 300 },
    );
  });
});
