import * as fc from 'fast-check';
import type { Redis } from 'ioredis';

import { Pair, type Step } from '../../model/pair.js';
import { RedisRoom } from '../../model/redis-room.js';
import { TestRedis } from '../../support/redis.js';

/** `npm run test:soak` plays many more. */
const RUNS = Number(process.env['SOAK_RUNS'] ?? 150);
const STEPS = 40;

const guess = fc.record({ epoch: fc.nat(30), offset: fc.nat(12), canBeLost: fc.boolean() });
const anything = fc.record({
  seen: fc.array(guess, { maxLength: 2 }),
  inAnotherRun: fc.boolean(),
  fromAnotherRun: fc.boolean(),
});
const legs = fc.array(fc.record({ epoch: fc.nat(30), later: fc.nat(3), lossy: fc.boolean() }), { maxLength: 2 });
const node = fc.nat(2);
const anyStep: fc.Arbitrary<Step> = fc.oneof(
  { weight: 5, arbitrary: fc.record({ kind: fc.constant('publish' as const), known: anything }) },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('position' as const),
      known: anything,
      node: fc.option(node, { nil: undefined }),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('restore' as const),
      known: anything,
      node,
      count: fc.nat(4),
      isLossy: fc.boolean(),
      legs,
    }),
  },
  { weight: 5, arbitrary: fc.record({ kind: fc.constant('history' as const), from: guess, known: anything }) },
  {
    weight: 3,
    arbitrary: fc.constantFrom<Step>({ kind: 'run' }, { kind: 'hurry' }, { kind: 'save' }, { kind: 'load' }),
  },
);

describe('The scripts of a room', () => {
  let server: TestRedis;
  let client: Redis;
  let rooms = 0;

  beforeAll(async () => {
    server = await TestRedis.start();
    client = await RedisRoom.connect(server.port);
  });

  afterAll(async () => {
    client.disconnect();
    await server.remove();
  });

  it('agree with the model', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(anyStep, { minLength: 1, maxLength: STEPS, size: 'max' }), async (steps) => {
        const pair = new Pair(new RedisRoom(client, `r${(rooms += 1)}`));
        for (const each of steps) await pair.take(each);
        expect(pair.differences).toEqual([]);
      }),
      { numRuns: RUNS },
    );
    expect(rooms).toBeGreaterThanOrEqual(RUNS);
  }, 3_600_000);
});
