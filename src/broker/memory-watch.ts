import { PerformanceObserver, constants, type PerformanceEntry } from 'node:perf_hooks';
import process from 'node:process';
import { getHeapSpaceStatistics } from 'node:v8';

import { heapBudget, type AvailableMemory } from '../config/available-memory.js';

/** Parts of a limit: above `high` memory is short, and enough is freed to get down to `low`. */
interface Marks {
  readonly high: number;
  readonly low: number;
}

const HEAP_MARKS: Marks = { high: 0.75, low: 0.65 };
/** Resident memory includes garbage, which the collector takes its time to return. */
const RESIDENT_MARKS: Marks = { high: 0.9, low: 0.8 };
const RESIDENT_INTERVAL_MS = 1000;
/** Time that freed memory may take to show. */
const SETTLE_MS = 5000;
/** Spaces of V8 with objects that no collection has survived yet, or that never go. */
const OTHER_SPACES = new Set(['read_only_space', 'new_space', 'new_large_object_space', 'shared_space']);

/**
 * Takes a measure of memory.
 *
 * @param excess bytes that must be freed if positive, bytes that may still be used if negative
 */
export type MemoryListener = (excess: number) => void;

/** Source of measures of memory. */
export interface MemoryWatch {
  start(listener: MemoryListener): void;
  stop(): void;
}
export const MemoryWatch = Symbol('MemoryWatch');

/**
 * Returns how many bytes must be freed: 0 between the two marks, so that little changes do nothing; negative below.
 */
export function excessOf(used: number, limit: number, { high, low }: Marks): number {
  if (used > limit * high) return used - limit * low;
  return Math.min(0, used - limit * low);
}

/** Node's types do not have what it says of a collection. */
function isFullCollection(entry: PerformanceEntry & { readonly detail?: unknown }): boolean {
  return (entry.detail as { kind?: number } | undefined)?.kind === constants.NODE_PERFORMANCE_GC_MAJOR;
}

/**
 * Measures the heap after each full collection, since only then what is used is known: before it, most may be garbage.
 * In a container it also measures resident memory, which the container ends the process for.
 */
export class ProcessMemoryWatch implements MemoryWatch {
  private readonly observer = new PerformanceObserver((list) => {
    if (list.getEntries().some(isFullCollection)) this.measureHeap();
  });
  private listener: MemoryListener | undefined;
  private timer: NodeJS.Timeout | undefined;
  /** Until then, the collector may not have seen what was freed. */
  private isSettling = false;
  private settledAt = 0;

  /** @param processes number of processes that share the memory */
  constructor(
    private readonly memory: AvailableMemory,
    private readonly processes: number,
  ) {}

  start(listener: MemoryListener): void {
    this.listener = listener;
    this.observer.observe({ entryTypes: ['gc'] });
    if (!this.memory.isContainer) return;
    this.timer = setInterval(() => this.measureResident(), RESIDENT_INTERVAL_MS).unref();
  }

  stop(): void {
    this.observer.disconnect();
    clearInterval(this.timer);
    this.listener = undefined;
  }

  private measureHeap(): void {
    // The collection that was in progress when memory was freed still counts it as used.
    if (this.isSettling) {
      this.isSettling = false;
      return;
    }
    let used = 0;
    for (const space of getHeapSpaceStatistics()) {
      if (!OTHER_SPACES.has(space.space_name)) used += space.space_used_size;
    }
    this.report(excessOf(used, heapBudget(this.memory, this.processes), HEAP_MARKS));
  }

  private measureResident(): void {
    const excess = excessOf(process.memoryUsage.rss(), this.memory.total / this.processes, RESIDENT_MARKS);
    // That there is enough is for the heap to say.
    if (excess > 0 && performance.now() >= this.settledAt) this.report(excess);
  }

  private report(excess: number): void {
    if (excess > 0) {
      this.isSettling = true;
      this.settledAt = performance.now() + SETTLE_MS;
    }
    this.listener?.(excess);
  }
}
