import { cpuPerDelivery, firstJoins, lastJoins, rate } from './measures.mjs';

/** @type {import('./index.mjs').Workload} */
export const members = {
  id: 'growth-members',
  label: 'Members',
  title: 'One message at a time in a room that grows, 128 bytes',
  rivals: ['rookery', 'ws-buffer', 'bun'],
  measures: [cpuPerDelivery, rate],
  cases: Object.fromEntries(
    [10, 100, 1000, 10_000].map((size) => [
      `${size.toLocaleString('en')} members`,
      { members: size, publishers: 1, window: 1, bytes: 128 },
    ]),
  ),
};

/**
 * The traffic is the same in all cases, and each message concerns two members; only the number of rooms it is spread
 * over changes.
 *
 * @type {import('./index.mjs').Workload}
 */
export const rooms = {
  id: 'growth-rooms',
  label: 'Rooms',
  title: '1,000 pairs of members who share more and more rooms, 128 bytes',
  rivals: ['rookery', 'ws-buffer', 'bun'],
  measures: [cpuPerDelivery, rate, firstJoins, lastJoins],
  cases: Object.fromEntries(
    [1, 10, 100].map((each) => [
      `${(each * 1000).toLocaleString('en')} rooms`,
      { members: 2000, groups: 1000, rooms: each, publishers: 1, window: 1, bytes: 128 },
    ]),
  ),
};
