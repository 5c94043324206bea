import { EVERYBODY } from './fan-out.mjs';
import { cpuPerRequest, generatorBusy, p50, p99, rate } from './measures.mjs';

/** @type {import('./index.mjs').Workload} */
export const request = {
  id: 'request',
  label: 'Request and reply',
  title: '100 connections, each sending a ping and waiting for its pong',
  rivals: EVERYBODY,
  measures: [cpuPerRequest, rate, p50, p99, generatorBusy],
  cases: { '': { members: 100, groups: 100, publishers: 1, window: 1, echo: true } },
};
