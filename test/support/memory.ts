import type { AvailableMemory } from '../../src/config/available-memory.js';

const MIB = 1024 * 1024;

/** Memory limits with which no default is lowered. */
export const AMPLE_MEMORY: AvailableMemory = { total: 16_384 * MIB, isContainer: false, heap: 4096 * MIB };
/** What Node finds in a container of 256 MiB. */
export const SMALL_CONTAINER: AvailableMemory = { total: 256 * MIB, isContainer: true, heap: 256 * MIB };
