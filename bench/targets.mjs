import { ratio, select } from './statistics.mjs';
import { OVER_REDIS } from './workloads/redis.mjs';

/**
 * What Rookery is held to: its figure, divided by another one of the same run, is at most so much.
 *
 * @typedef {object} Target
 * @property {string} workload
 * @property {string} measure
 * @property {number} atMost
 * @property {{ rival?: string, case?: string }} [of] Rookery itself, unless said otherwise.
 * @property {{ rival?: string, case?: string, measure?: string }} against
 */

const members = (/** @type {number} */ count) => ({ case: `${count.toLocaleString('en')} members` });
const rooms = (/** @type {number} */ count) => ({ case: `${count.toLocaleString('en')} rooms` });

/** @type {Target[]} */
const targets = [
  { workload: 'burst', measure: 'cpu', against: { rival: 'bun' }, atMost: 1.1 },
  { workload: 'burst', measure: 'cpu', against: { rival: 'socket-io' }, atMost: 1 / 20 },
  { workload: 'single', measure: 'cpu', against: { rival: 'bun' }, atMost: 1.25 },
  { workload: 'single', measure: 'cpu', against: { rival: 'ws-buffer' }, atMost: 0.9 },
  { workload: 'many-rooms', measure: 'cpu', against: { rival: 'bun' }, atMost: 1.5 },
  { workload: 'many-rooms', measure: 'cpu', against: { rival: 'ws-buffer' }, atMost: 1 },
  { workload: 'many-rooms', measure: 'cpu', against: { rival: 'socket-io' }, atMost: 0.8 },
  { workload: 'request', measure: 'cpu', against: { rival: 'ws-buffer' }, atMost: 1.1 },
  { workload: 'fixed-rate', measure: 'p99', against: { rival: 'ws-buffer' }, atMost: 1 },
  { workload: 'handshakes', measure: 'cpu', against: { rival: 'ws-buffer' }, atMost: 1 / 3 },
  { workload: 'idle', measure: 'memory', against: { rival: 'ws-buffer' }, atMost: 1.2 },
  { workload: 'stalled', measure: 'p99', of: { case: 'one does not' }, against: { case: 'all read' }, atMost: 1.3 },
  { workload: 'growth-members', measure: 'cpu', of: members(10_000), against: members(10), atMost: 1.3 },
  { workload: 'growth-members', measure: 'cpu', of: members(10_000), against: members(100), atMost: 1.3 },
  { workload: 'growth-members', measure: 'cpu', of: members(10_000), against: members(1000), atMost: 1.3 },
  { workload: 'growth-rooms', measure: 'cpu', of: rooms(100_000), against: rooms(1000), atMost: 1.3 },
  {
    workload: 'growth-rooms',
    measure: 'lastJoins',
    of: rooms(100_000),
    against: { ...rooms(100_000), measure: 'firstJoins' },
    atMost: 1.3,
  },
  ...['one room', 'many rooms'].flatMap((name) =>
    OVER_REDIS.map((rival) => ({
      workload: 'redis-cross',
      measure: 'cpu',
      of: { case: name },
      against: { rival, case: name },
      atMost: 0.5,
    })),
  ),
  // Where each message comes alone, the waking up costs more than the work, and all wake up as often.
  ...OVER_REDIS.map((rival) => ({
    workload: 'redis-cross',
    measure: 'cpu',
    of: { case: 'many rooms, 1,000 a second' },
    against: { rival, case: 'many rooms, 1,000 a second' },
    atMost: 1.1,
  })),
  ...['burst', 'single'].map((name) => ({
    workload: 'history',
    measure: 'cpu',
    of: { case: name },
    against: { rival: 'rookery-no-history', case: name },
    atMost: 1.1,
  })),
];

/**
 * The targets this run has figures for.
 *
 * @param {import('./statistics.mjs').Sample[]} samples
 */
export function judge(samples) {
  return targets.flatMap(({ workload, measure, atMost, of = {}, against }) => {
    const ours = select(samples, { workload, rival: 'rookery', ...of });
    const { measure: other = measure, ...place } = against;
    const theirs = select(samples, { workload, rival: 'rookery', ...place });
    const reached = ratio(ours, theirs, measure, other);
    if (Number.isNaN(reached)) return [];
    const where = [workload, of.case].filter(Boolean).join(', ');
    const subject = [against.rival, against.case, against.measure].filter(Boolean).join(', ');
    return [{ where, measure, against: subject, atMost, reached, met: reached <= atMost }];
  });
}
