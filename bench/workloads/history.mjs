import { BURST, SINGLE } from './fan-out.mjs';
import { cpuPerDelivery, rate } from './measures.mjs';

/** @type {import('./index.mjs').Workload} */
export const history = {
  id: 'history',
  label: 'History',
  title: 'The first two workloads with and without history',
  rivals: ['rookery', 'rookery-no-history'],
  measures: [cpuPerDelivery, rate],
  cases: { burst: BURST, single: SINGLE },
};
