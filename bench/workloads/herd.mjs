import { measureHerd } from '../herd.mjs';

/** @param {number} value */
const milliseconds = (value) => `${(value * 1000).toFixed(2)} ms`;
/** @param {number} value */
const seconds = (value) => `${value.toFixed(1)} s`;
/** @param {number} value */
const percent = (value) => `${(value * 100).toFixed(1)} %`;
/** @param {number} value */
const whole = (value) => String(Math.round(value));

/**
 * @param {string} key
 * @param {string} title
 * @param {import('./measures.mjs').Measure['show']} show
 * @returns {import('./measures.mjs').Measure}
 */
const figure = (key, title, show) => ({ key, title, show, of: () => NaN });

/**
 * The clients are those of `@rookery/client`, and choose themselves when to come back.
 *
 * @type {import('./index.mjs').Workload}
 */
export const herd = {
  id: 'herd',
  label: 'The loss of a node',
  title: '2,000 clients in one room lose their node and come back to another one, 10 messages a second',
  rivals: ['rookery'],
  measures: [
    figure('cpu', 'CPU/client back', milliseconds),
    figure('store', 'of Redis', milliseconds),
    figure('time', '95 % level', seconds),
    figure('all', 'all level', seconds),
    figure('peak', 'attempts in 100 ms', percent),
    figure('vain', 'in vain', whole),
    figure('overflows', 'backlog full', whole),
    figure('first', 'CPU/first join', milliseconds),
    figure('firstStore', 'of Redis', milliseconds),
    figure('generator', 'clients busy', percent),
  ],
  cases: { '': { members: 2000, rate: 10 } },
  // Its bound is counted over all nodes, which is part of the cost.
  settings: { MAX_CONNECTIONS_PER_USER: '100' },
  nodes: 2,
  measureOnce: measureHerd,
};
