import { jest } from '@jest/globals';

import { Fitness, isRefusal, type Shard } from '../../../src/broker/redis/fitness.js';

const INTERVAL_MS = 2000;
const OOM = "OOM command not allowed when used memory > 'maxmemory'.";
const ONE: readonly Shard[] = [{ id: 'a', slot: 0, slots: 1 }];
const THREE: readonly Shard[] = [
  { id: 'a', slot: 0, slots: 1000 },
  { id: 'b', slot: 1000, slots: 1000 },
  { id: 'c', slot: 2000, slots: 2000 },
];

/** Reasons for which probes of servers fail. */
let failing: Map<string, string>;
let probes: string[];
let fitness: Fitness;

function watch(shards: readonly Shard[]): void {
  failing = new Map();
  probes = [];
  const probe = ({ id }: Shard): Promise<void> => {
    probes.push(id);
    const reason = failing.get(id);
    return reason === undefined ? Promise.resolve() : Promise.reject(new Error(reason));
  };
  fitness = new Fitness(() => shards, probe, INTERVAL_MS);
}

beforeEach(() => {
  jest.useFakeTimers();
});

afterEach(() => {
  fitness.stop();
  jest.useRealTimers();
});

describe('Fitness of one server', () => {
  beforeEach(async () => {
    watch(ONE);
    await fitness.check();
  });

  it('is given from the first probe that succeeds, and looked at again at the interval', async () => {
    expect(
      new Fitness(
        () => ONE,
        () => Promise.resolve(),
        INTERVAL_MS,
      ).isFit,
    ).toBe(false);
    expect(fitness.isFit).toBe(true);
    failing.set('a', 'READONLY');
    await jest.advanceTimersByTimeAsync(INTERVAL_MS);
    expect(fitness.problem).toBe('READONLY');
    failing.clear();
    await jest.advanceTimersByTimeAsync(250);
    expect(fitness.problem).toBeUndefined();
  });

  it('ends with an operation that fails, and is back with the next probe', async () => {
    fitness.fail('a', 'no answer within 2000 ms');
    expect(fitness.isFit).toBe(false);
    await jest.advanceTimersByTimeAsync(250);
    expect(fitness.isFit).toBe(true);
  });

  it('does not come back while a server that is full accepts something now and then', async () => {
    fitness.fail('a', OOM);
    for (let n = 0; n < 20; n += 1) {
      await jest.advanceTimersByTimeAsync(4000);
      expect(fitness.isFit).toBe(false);
      if (n % 2 === 0) fitness.fail('a', OOM);
      else failing.set('a', OOM);
      await jest.advanceTimersByTimeAsync(300);
      failing.clear();
    }
    await jest.advanceTimersByTimeAsync(5300);
    expect(fitness.isFit).toBe(true);
  });

  it('is judged again at once after a new connection', async () => {
    fitness.fail('a', OOM);
    await jest.advanceTimersByTimeAsync(300);
    expect(fitness.isFit).toBe(false);
    fitness.renew();
    await fitness.check();
    expect(fitness.isFit).toBe(true);
  });

  it('is probed once for all who ask at the same time', async () => {
    probes = [];
    await Promise.all([fitness.check(), fitness.check(), fitness.check()]);
    expect(probes).toEqual(['a']);
  });
});

describe('Fitness of a cluster', () => {
  it('says which part cannot be used and why, and ends when no master can be used', async () => {
    watch(THREE);
    failing.set('c', 'ECONNREFUSED');
    await fitness.check();
    expect([fitness.isFit, fitness.isFitAt('a'), fitness.isFitAt('c')]).toEqual([true, true, false]);
    expect(fitness.problem).toBe('1 of 3 masters (2000 of 4000 slots) cannot be used: ECONNREFUSED');
    for (const id of ['a', 'b']) failing.set(id, OOM);
    await jest.advanceTimersByTimeAsync(250);
    expect(fitness.isFit).toBe(false);
    expect(fitness.problem).toMatch(/^3 of 3 masters/);
  });
});

describe('an error of Redis', () => {
  it.each([OOM, 'MISCONF disk', 'NOREPLICAS', 'READONLY', 'CLUSTERDOWN', 'the user lacks the right +info'])(
    'lets expect that other operations fail too: %s',
    (reason) => expect(isRefusal(reason)).toBe(true),
  );

  it.each(['WRONGTYPE', 'TRYAGAIN', 'ERR wrong number'])('is about one operation: %s', (reason) => {
    expect(isRefusal(reason)).toBe(false);
  });
});
