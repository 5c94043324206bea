import { heapBudget, mebibytes, type AvailableMemory } from './available-memory.js';
import { environmentName } from './environment.js';
import { numberOfWorkers } from './node.options.js';
import { RookeryOptions } from './rookery.options.js';

const MIB = 1024 * 1024;
/** Memory that the program itself takes in the heap before it serves anybody. */
const BASE_BYTES = 48 * MIB;

/** A limit on what the node keeps: the part of memory that it gets by default, and bytes that each unit takes. */
interface Share {
  readonly part: number;
  readonly unitBytes: number;
  readonly unit: string;
}

type BrokerLimit = 'historyMaxBytes' | 'deduplicationMaxIds' | 'maxReceipts' | 'maxIdleRooms';

/**
 * Parts of the heap, apart from what the program itself takes, for what the memory broker keeps. The rest is for
 * connections and rooms. The bytes of each unit are measured, with names of usual length.
 */
const BROKER_SHARES: Readonly<Record<BrokerLimit, Share>> = {
  historyMaxBytes: { part: 1 / 2, unitBytes: 1, unit: 'bytes of history' },
  deduplicationMaxIds: { part: 1 / 8, unitBytes: 256, unit: 'ids' },
  maxReceipts: { part: 1 / 8, unitBytes: 256, unit: 'acknowledged positions' },
  maxIdleRooms: { part: 1 / 16, unitBytes: 256, unit: 'idle rooms' },
};
const BROKER_LIMITS = Object.keys(BROKER_SHARES) as BrokerLimit[];

/** Part of all memory. An idle connection takes 8 kB, most of it outside the heap. */
const CONNECTION_SHARE: Share = { part: 1 / 4, unitBytes: 8192, unit: 'connections' };

/** Bytes that a process has for what the memory broker keeps, and for all that it does. */
interface Spare {
  readonly broker: number;
  readonly total: number;
}

function spareOf(memory: AvailableMemory, options: RookeryOptions): Spare {
  const processes = numberOfWorkers(options);
  const budget = heapBudget(memory, processes);
  return { broker: Math.max(budget - BASE_BYTES, budget / 4), total: memory.total / processes };
}

function fit(standard: number, spare: number, { part, unitBytes }: Share): number {
  return Math.min(standard, Math.floor((spare * part) / unitBytes));
}

/** Lowers the defaults of limits that do not fit into the memory of this process. */
export function fitDefaults(options: RookeryOptions, given: ReadonlySet<string>, memory: AvailableMemory): void {
  const { broker, total } = spareOf(memory, options);
  if (!given.has('maxConnections')) options.maxConnections = fit(options.maxConnections, total, CONNECTION_SHARE);
  for (const limit of BROKER_LIMITS) {
    if (!given.has(limit)) options[limit] = fit(options[limit], broker, BROKER_SHARES[limit]);
  }
}

/**
 * Returns the limits that the process uses, and the memory that they come from, as one sentence.
 *
 * @param keepsHistory false if histories are kept elsewhere, as with Redis
 */
export function describeMemory(options: RookeryOptions, memory: AvailableMemory, keepsHistory: boolean): string {
  const limits = keepsHistory ? BROKER_LIMITS.map((limit) => amountOf(options, limit)) : [];
  const { maxConnections } = options;
  limits.push(maxConnections === 0 ? 'any number of connections' : `${maxConnections} connections`);
  return `Memory for ${limits.join(', ')}: ${sourceOf(options, memory)}`;
}

function amountOf(options: RookeryOptions, limit: BrokerLimit): string {
  const value = options[limit];
  const { unit } = BROKER_SHARES[limit];
  if (value === 0) return `any number of ${unit}`;
  return limit === 'historyMaxBytes' ? `${mebibytes(value)} of history` : `${value} ${unit}`;
}

/**
 * Returns warnings about settings that allow more than this process has memory for. Defaults never do.
 *
 * @param keepsHistory false if histories are kept elsewhere, as with Redis
 */
export function memoryWarnings(options: RookeryOptions, memory: AvailableMemory, keepsHistory: boolean): string[] {
  const spare = spareOf(memory, options);
  const source = sourceOf(options, memory);
  const warnings: string[] = [];
  const bytesOf = (limit: BrokerLimit): number => (options[limit] || Infinity) * BROKER_SHARES[limit].unitBytes;
  const allowed = BROKER_LIMITS.reduce((sum, limit) => sum + bytesOf(limit), 0);
  if (keepsHistory && allowed > spare.broker) {
    const raised = BROKER_LIMITS.filter((limit) => bytesOf(limit) > spare.broker * BROKER_SHARES[limit].part);
    const settings = raised.map((limit) => `${environmentName(limit)}=${options[limit]}`).join(', ');
    const effect = 'History is dropped when memory runs short.';
    const amount = allowed === Infinity ? 'any amount' : `${mebibytes(allowed)}, with the limits beside it`;
    warnings.push(`${settings} allows ${amount}; there are ${mebibytes(spare.broker)} for it (${source}). ${effect}`);
  }
  const connectionBytes = (options.maxConnections || Infinity) * CONNECTION_SHARE.unitBytes;
  // Twice its share: what else there is may need less than its own.
  const most = spare.total * CONNECTION_SHARE.part * 2;
  if (connectionBytes > most) {
    const amount = connectionBytes === Infinity ? 'any amount' : mebibytes(connectionBytes);
    const setting = `MAX_CONNECTIONS=${options.maxConnections}`;
    warnings.push(
      `${setting} allows ${amount} for idle connections; there are ${mebibytes(most)} for them (${source}).`,
    );
  }
  return warnings;
}

function sourceOf(options: RookeryOptions, memory: AvailableMemory): string {
  const processes = numberOfWorkers(options);
  const place = memory.isContainer ? 'container' : 'machine';
  const shared = processes > 1 ? ` for ${processes} processes` : '';
  return `the ${place} has ${mebibytes(memory.total)}${shared}, V8's heap may grow to ${mebibytes(memory.heap)}`;
}
