import { parseArgs } from 'node:util';

import { rivals } from './rivals.mjs';
import { workloads } from './workloads/index.mjs';

const USAGE = `Usage: node bench/run.mjs [options]

  --workload a,b   which workloads (default: all)
                   ${workloads.map(({ id }) => id).join(', ')}
  --rival a,b      which servers (default: all that the workload is for)
                   ${rivals.map(({ id }) => id).join(', ')}
  --rounds n       how often each is measured (default: 3)
  --seconds n      how long the clock runs each time (default: 4)
  --quick          one round of one second: shows that everything runs, not how fast
`;

/**
 * @typedef {object} Options
 * @property {import('./workloads/index.mjs').Workload[]} workloads
 * @property {import('./rivals.mjs').Rival[]} rivals
 * @property {number} rounds
 * @property {number} seconds
 * @property {boolean} complete Nothing was left out or shortened.
 * @property {number} warmup Seconds of traffic before the clock starts: JavaScript is slow until it is compiled.
 */

/**
 * @param {string[]} args
 * @returns {Options}
 */
export function readOptions(args) {
  const { values } = parseArgs({
    args,
    options: {
      workload: { type: 'string' },
      rival: { type: 'string' },
      rounds: { type: 'string' },
      seconds: { type: 'string' },
      quick: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    process.stdout.write(USAGE);
    process.exit(0);
  }
  return {
    workloads: choose('workload', workloads, values.workload),
    rivals: choose('rival', rivals, values.rival),
    rounds: positive('rounds', values.rounds ?? (values.quick ? '1' : '3')),
    seconds: positive('seconds', values.seconds ?? (values.quick ? '1' : '4')),
    complete: !values.quick && values.workload === undefined && values.rival === undefined,
    warmup: values.quick ? 0.5 : 2,
  };
}

/**
 * @template {{ id: string }} T
 * @param {string} option
 * @param {T[]} all
 * @param {string | undefined} list
 */
function choose(option, all, list) {
  if (list === undefined) return all;
  return list.split(',').map((id) => {
    const found = all.find((one) => one.id === id);
    if (!found) throw new Error(`--${option}: there is no "${id}", only ${all.map((one) => one.id).join(', ')}`);
    return found;
  });
}

/**
 * @param {string} option
 * @param {string} text
 */
function positive(option, text) {
  const value = Number(text);
  if (!(value > 0)) throw new Error(`--${option}: "${text}" is not a number above zero`);
  return value;
}
