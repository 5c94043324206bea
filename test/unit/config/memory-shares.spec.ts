import { totalmem } from 'node:os';
import { getHeapStatistics } from 'node:v8';

import { heapBudget, readMemory } from '../../../src/config/available-memory.js';
import { describeMemory, memoryWarnings } from '../../../src/config/memory-shares.js';
import { resolveOptions } from '../../../src/config/resolve-options.js';
import { RookeryOptions } from '../../../src/config/rookery.options.js';
import { AMPLE_MEMORY, SMALL_CONTAINER } from '../../support/memory.js';

const MIB = 1024 * 1024;
const LIMITS = ['historyMaxBytes', 'deduplicationMaxIds', 'maxReceipts', 'maxIdleRooms'] as const;
/** Bytes that a unit of each limit takes at least. */
const LEAST_BYTES = { historyMaxBytes: 1, deduplicationMaxIds: 200, maxReceipts: 200, maxIdleRooms: 100 };

describe('the memory limits of the process', () => {
  it('are within what the machine and V8 have', () => {
    const { total, heap } = readMemory();
    expect(total).toBeGreaterThan(0);
    expect(total).toBeLessThanOrEqual(totalmem());
    expect(heap).toBeGreaterThan(0);
    expect(heap).toBeLessThan(getHeapStatistics().heap_size_limit);
  });

  it('leave half of a container for what is outside the heap', () => {
    expect(heapBudget(SMALL_CONTAINER, 1)).toBe(128 * MIB);
  });

  it('are shared by several processes, as far as the heap of each does not set a lower one', () => {
    expect(heapBudget(SMALL_CONTAINER, 4)).toBe(32 * MIB);
    expect(heapBudget(AMPLE_MEMORY, 2)).toBe(4096 * MIB);
  });
});

describe('the defaults of limits on memory', () => {
  it('are those of the documents where memory is ample', () => {
    const standard = new RookeryOptions();
    const options = resolveOptions({}, AMPLE_MEMORY);
    for (const limit of [...LIMITS, 'maxConnections'] as const) expect(options[limit]).toBe(standard[limit]);
  });

  it.each([64, 128, 256, 512, 1024])('fit together into a container of %d MiB', (size) => {
    const memory = { total: size * MIB, isContainer: true, heap: size * MIB };
    const options = resolveOptions({}, memory);
    const sum = LIMITS.reduce((bytes, limit) => bytes + options[limit] * LEAST_BYTES[limit], 0);
    expect(sum).toBeLessThan(heapBudget(memory, 1));
    for (const limit of LIMITS) expect(options[limit]).toBeGreaterThan(0);
    expect(options.maxConnections).toBeGreaterThan(0);
    expect(memoryWarnings(options, memory, true)).toEqual([]);
  });

  it('give way to settings', () => {
    const set = { historyMaxBytes: 300 * MIB, deduplicationMaxIds: 7, maxReceipts: 0, maxConnections: 30_000 };
    expect(resolveOptions(set, SMALL_CONTAINER)).toMatchObject(set);
  });
});

describe('what the start says of memory', () => {
  it('names what was chosen, and what it comes from', () => {
    expect(describeMemory(resolveOptions({}, SMALL_CONTAINER), SMALL_CONTAINER, true)).toBe(
      'Memory for 40 MiB of history, 40960 ids, 40960 acknowledged positions, 20480 idle rooms, 8192 connections: ' +
        "the container has 256 MiB, V8's heap may grow to 256 MiB",
    );
  });

  it('names the processes that share it, and no history where that is in Redis', () => {
    const options = resolveOptions({ workers: '2', redisUrl: 'redis://127.0.0.1' }, SMALL_CONTAINER);
    expect(describeMemory(options, SMALL_CONTAINER, false)).toBe(
      "Memory for 4096 connections: the container has 256 MiB for 2 processes, V8's heap may grow to 256 MiB",
    );
    expect(memoryWarnings(options, SMALL_CONTAINER, false)).toEqual([]);
  });

  it('warns of settings that allow more than there is, and names only these', () => {
    const options = resolveOptions({ historyMaxBytes: 256 * MIB, maxIdleRooms: 10 }, SMALL_CONTAINER);
    const warnings = memoryWarnings(options, SMALL_CONTAINER, true);
    expect(warnings).toEqual([expect.stringMatching(/^HISTORY_MAX_BYTES=268435456 allows 276 MiB/)]);
    expect(warnings[0]).toContain('there are 80 MiB for it (the container has 256 MiB');
    expect(warnings[0]).not.toContain('MAX_IDLE_ROOMS');
    expect(memoryWarnings(options, SMALL_CONTAINER, false)).toEqual([]);
  });

  it('warns of more connections than there is memory for', () => {
    const options = resolveOptions({ maxConnections: 50_000 }, SMALL_CONTAINER);
    expect(memoryWarnings(options, SMALL_CONTAINER, false)).toEqual([
      expect.stringMatching(/^MAX_CONNECTIONS=50000 allows 391 MiB for idle connections; there are 128 MiB/),
    ]);
  });

  it('warns of a setting without a limit', () => {
    const warnings = memoryWarnings(resolveOptions({ maxReceipts: 0 }, AMPLE_MEMORY), AMPLE_MEMORY, true);
    expect(warnings).toEqual([expect.stringMatching(/^MAX_RECEIPTS=0 allows any amount/)]);
  });

  it('does not warn of settings that fit', () => {
    const options = resolveOptions({ historyMaxBytes: 45 * MIB, maxConnections: 10_000 }, SMALL_CONTAINER);
    expect(memoryWarnings(options, SMALL_CONTAINER, true)).toEqual([]);
  });
});
