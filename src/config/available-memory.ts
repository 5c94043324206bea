import { totalmem } from 'node:os';
import process from 'node:process';
import { getHeapStatistics } from 'node:v8';

const MIB = 1024 * 1024;
/** Limits of V8's space for new objects, which `heap_size_limit` includes. */
const MIN_YOUNG_BYTES = 3 * MIB;
const MAX_YOUNG_BYTES = 48 * MIB;
/** V8 gives new objects this part of the memory that it knows of. */
const YOUNG_SHARE = 3 / 256;
/**
 * Part of the memory that objects of the heap may fill. The rest is for buffers, for code, and for objects that are
 * no longer in use but not collected yet.
 */
const HEAP_SHARE = 0.5;

/** Memory limits of this process, in bytes. */
export interface AvailableMemory {
  /** Limit of the container, or of the machine if there is no container with a limit. */
  readonly total: number;
  readonly isContainer: boolean;
  /** V8's limit on objects that stay. */
  readonly heap: number;
}

/** Reads the memory limits of this process. */
export function readMemory(): AvailableMemory {
  const machine = totalmem();
  // Without a limit this is 0, undefined or larger than the machine, depending on Node's version and the system.
  const constrained = process.constrainedMemory() ?? 0;
  const isContainer = constrained > 0 && constrained < machine;
  const total = isContainer ? constrained : machine;
  const young = Math.min(MAX_YOUNG_BYTES, Math.max(MIN_YOUNG_BYTES, total * YOUNG_SHARE));
  return { total, isContainer, heap: getHeapStatistics().heap_size_limit - young };
}

/**
 * Returns the bytes that objects of one process may fill.
 *
 * @param processes number of processes that share the memory, each of them with a heap of its own
 */
export function heapBudget({ total, heap }: AvailableMemory, processes: number): number {
  return Math.min(heap, (total / processes) * HEAP_SHARE);
}

/** Returns a size as text: `40 MiB`. */
export function mebibytes(bytes: number): string {
  return `${Math.round(bytes / MIB)} MiB`;
}
