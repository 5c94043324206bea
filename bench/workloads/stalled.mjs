import { caughtUp, memoryGrowth, p50, p99 } from './measures.mjs';

const plan = { members: 1000, publishers: 10, window: 256, rate: 50, bytes: 16 * 1024 };

/** @type {import('./index.mjs').Workload} */
export const stalled = {
  id: 'stalled',
  label: 'A member who stops reading',
  title: '1,000 members, one of whom stops reading, 50 messages a second, 16 KiB: the latency of the others',
  // What waits for the stalled member has to outgrow what the kernel holds for it.
  stretch: 2.5,
  rivals: ['rookery', 'ws-buffer', 'socket-io', 'bun'],
  measures: [p99, p50, memoryGrowth, caughtUp],
  cases: { 'all read': plan, 'one does not': { ...plan, stall: true } },
};
