/**
 * One figure of a workload. The first of a workload's measures is the one that ratios and the chart are about; of it,
 * less is always better.
 *
 * @typedef {object} Measure
 * @property {string} key
 * @property {string} title
 * @property {(outcome: import('../generator.mjs').Outcome, plan: import('./index.mjs').Plan) => number} of
 * @property {(value: number) => string} show
 */

/** @param {number} value */
const whole = (value) => Math.round(value).toLocaleString('en');

/** Three digits that mean something: more would be noise. @param {number} value */
const three = (value) => (value >= 100 ? whole(value) : value.toPrecision(3));

/** @param {number} seconds */
const microseconds = (seconds) => `${three(seconds * 1e6)} µs`;

/** @param {number} seconds */
const milliseconds = (seconds) => `${three(seconds * 1e3)} ms`;

/** @param {number} share */
const percent = (share) => `${(share * 100).toPrecision(2)} %`;

/** @param {number} bytes */
const megabytes = (bytes) => `${(bytes / 1e6).toFixed(1)} MB`;

/** @typedef {import('../generator.mjs').Snapshot} Snapshot */

/** @param {Snapshot} from @param {Snapshot} to */
const elapsed = (from, to) => to.at - from.at;

/** @param {Snapshot} from @param {Snapshot} to */
const deliveries = (from, to) => to.delivered - from.delivered;

/**
 * The cores that were busy with something else in the meantime. Not a figure of the server, but one that says what its
 * figures are worth.
 *
 * @type {Measure['of']}
 */
export function disturbance({ before, settled, start, end }, { seconds }) {
  const [from, to] = seconds ? [start, end] : [before, settled];
  const ours = to.cpu - from.cpu + (to.store - from.store) + (to.generator - from.generator);
  return (to.machine - from.machine - ours) / elapsed(from, to);
}

/** @type {Measure} */
export const cpuPerDelivery = {
  key: 'cpu',
  title: 'CPU/delivery',
  of: ({ start, end }) => (end.cpu - start.cpu) / deliveries(start, end),
  show: microseconds,
};

/** @type {Measure} */
export const cpuPerRequest = { ...cpuPerDelivery, title: 'CPU/request' };

/** @type {Measure} */
export const cpuPerPublish = { ...cpuPerDelivery, title: 'CPU/publish' };

/** Of Redis, beside what the servers use. @type {Measure} */
export const storeCpu = {
  key: 'store',
  title: 'CPU of Redis',
  of: ({ start, end }) => (end.store - start.store) / deliveries(start, end),
  show: microseconds,
};

/** @type {Measure} */
export const idleCpu = {
  key: 'cpu',
  title: 'CPU, share of a core',
  of: ({ start, end }) => (end.cpu - start.cpu) / elapsed(start, end),
  show: percent,
};

/** @type {Measure} */
export const idleStoreCpu = {
  key: 'store',
  title: 'CPU of Redis, share of a core',
  of: ({ start, end }) => (end.store - start.store) / elapsed(start, end),
  show: percent,
};

/** @type {Measure} */
export const rate = {
  key: 'rate',
  title: 'per second',
  of: ({ start, end }) => deliveries(start, end) / elapsed(start, end),
  show: whole,
};

/** @type {Measure} */
export const p50 = { key: 'p50', title: 'p50', of: (outcome) => outcome.p50, show: milliseconds };

/** @type {Measure} */
export const p99 = { key: 'p99', title: 'p99', of: (outcome) => outcome.p99, show: milliseconds };

/** Shows that the servers move about the same number of bytes. @type {Measure} */
export const wireBytes = {
  key: 'bytes',
  title: 'bytes/delivery',
  of: ({ start, end }) => (end.bytes - start.bytes) / deliveries(start, end),
  show: whole,
};

/** Near 100 %, it is the load generator that was measured. Means nothing at a fixed rate, where it waits by spinning. @type {Measure} */
export const generatorBusy = {
  key: 'generator',
  title: 'generator busy',
  of: ({ start, end }) => (end.generator - start.generator) / elapsed(start, end),
  show: (share) => `${Math.round(share * 100)} %`,
};

/** @type {Measure} */
export const compressedShare = {
  key: 'compressed',
  title: 'compressed',
  of: ({ compressed, delivered }) => compressed / delivered,
  show: (share) => `${Math.round(share * 100)} %`,
};

/** @type {Measure} */
export const memoryPerConnection = {
  key: 'memory',
  title: 'RSS/connection',
  of: ({ before, settled }, { members }) => (settled.rss - before.rss) / members,
  show: (bytes) => `${(bytes / 1e3).toFixed(1)} kB`,
};

/** @type {Measure} */
export const cpuPerHandshake = {
  key: 'cpu',
  title: 'CPU/handshake',
  of: ({ before, connected }, { members }) => (connected.cpu - before.cpu) / members,
  show: microseconds,
};

/** @type {Measure} */
export const handshakeRate = {
  key: 'rate',
  title: 'per second',
  of: ({ before, connected }, { members }) => members / elapsed(before, connected),
  show: whole,
};

/** @type {Measure} */
export const memoryGrowth = {
  key: 'growth',
  title: 'RSS growth',
  of: ({ start, end }) => end.rss - start.rss,
  show: megabytes,
};

/** Of the messages sent while the member did not read, the share it got afterwards. @type {Measure} */
export const caughtUp = {
  key: 'late',
  title: 'caught up',
  of: ({ late, sent }) => late / sent,
  show: (share) => `${Math.round(share * 100)} %`,
};

/** @param {Snapshot} from @param {Snapshot} to @param {import('./index.mjs').Plan} plan */
const cpuPerJoin = (from, to, { members, rooms = 1 }) => {
  const joins = (members * rooms) / 4;
  // A few thousand are over within one turn of a server's loop, and cannot be told apart.
  return joins < 10_000 ? NaN : (to.cpu - from.cpu) / joins;
};

/** @type {Measure} */
export const firstJoins = {
  key: 'firstJoins',
  title: 'CPU/join, first quarter',
  of: ({ joins0, joins1 }, plan) => cpuPerJoin(joins0, joins1, plan),
  show: microseconds,
};

/** @type {Measure} */
export const lastJoins = {
  key: 'lastJoins',
  title: 'CPU/join, last quarter',
  of: ({ joins3, joins4 }, plan) => cpuPerJoin(joins3, joins4, plan),
  show: microseconds,
};
