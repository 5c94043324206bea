import { compressedShare, cpuPerDelivery, generatorBusy, p50, p99, rate, wireBytes } from './measures.mjs';

export const EVERYBODY = ['rookery', 'ws-stringify', 'ws-buffer', 'nest', 'socket-io', 'bun'];

/** The two that everything else is a variation of. */
export const BURST = { members: 1000, publishers: 10, window: 64, bytes: 128 };
export const SINGLE = { members: 1000, publishers: 1, window: 1, bytes: 128 };

const THROUGHPUT = [cpuPerDelivery, rate, p50, p99, wireBytes, generatorBusy];

/** @type {import('./index.mjs').Workload} */
export const burst = {
  id: 'burst',
  label: 'Burst: 10 publishers, 64 in flight each',
  title: '1,000 members, 10 publishers with 64 messages in flight each, 128 bytes',
  rivals: EVERYBODY,
  measures: THROUGHPUT,
  cases: { '': BURST },
};

/** @type {import('./index.mjs').Workload} */
export const single = {
  id: 'single',
  label: 'One message at a time',
  title: '1,000 members, one message at a time, 128 bytes',
  rivals: EVERYBODY,
  measures: THROUGHPUT,
  cases: { '': SINGLE },
};

/** @type {import('./index.mjs').Workload} */
export const large = {
  id: 'large',
  label: '4 KiB messages',
  title: '1,000 members, 10 publishers with 16 messages in flight each, 4 KiB',
  rivals: EVERYBODY,
  measures: THROUGHPUT,
  cases: { '': { members: 1000, publishers: 10, window: 16, bytes: 4096 } },
};

/** @type {import('./index.mjs').Workload} */
export const fixedRate = {
  id: 'fixed-rate',
  label: 'Latency at 50 messages a second',
  title: '1,000 members, 50 messages a second, 128 bytes',
  rivals: EVERYBODY,
  measures: [p99, p50, cpuPerDelivery, wireBytes],
  cases: { '': { members: 1000, publishers: 10, window: 256, rate: 50, bytes: 128 } },
};

/** @type {import('./index.mjs').Workload} */
export const manyRooms = {
  id: 'many-rooms',
  label: '2,000 members in 200 rooms',
  title: '2,000 members in 200 rooms, each publishing one message a second, 128 bytes',
  rivals: EVERYBODY,
  measures: [cpuPerDelivery, p50, p99, wireBytes],
  cases: { '': { members: 2000, groups: 200, publishers: 10, window: 256, rate: 2000, bytes: 128 } },
};

/** @type {import('./index.mjs').Workload} */
export const compression = {
  id: 'compression',
  label: 'Compressed',
  title: '1,000 members who negotiated compression, one publisher with 4 messages in flight, 2 KiB',
  rivals: EVERYBODY,
  measures: [cpuPerDelivery, rate, p50, p99, wireBytes, compressedShare],
  // Above everybody's threshold of 1 KiB, so that it is messages that are compressed and not short answers.
  cases: { '': { members: 1000, publishers: 1, window: 4, bytes: 2048, deflate: true } },
  settings: { COMPRESSION: 'true' },
};
