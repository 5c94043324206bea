import { EVERYBODY } from './fan-out.mjs';
import { cpuPerHandshake, handshakeRate, memoryPerConnection } from './measures.mjs';

/** @type {import('./index.mjs').Workload} */
export const idle = {
  id: 'idle',
  label: 'Idle connections',
  title: '8,000 idle connections in one room',
  rivals: EVERYBODY,
  measures: [memoryPerConnection],
  cases: { '': { members: 8000, bytes: 128, seconds: 0, settle: 3 } },
};

/** @type {import('./index.mjs').Workload} */
export const handshakes = {
  id: 'handshakes',
  label: 'Handshakes with a token',
  title: '5,000 handshakes, 64 at a time, each with a token of its own to verify',
  // Those that verify one. What verifying means is up to the author everywhere but in Rookery.
  rivals: ['rookery', 'ws-buffer', 'bun'],
  measures: [cpuPerHandshake, handshakeRate],
  cases: { '': { members: 5000, seconds: 0 } },
  rehearsal: { members: 2000 },
};
