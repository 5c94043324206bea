import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { drawChart } from './chart.mjs';
import { compileGenerator } from './generator.mjs';
import { describeMachine, machineInOneLine } from './machine.mjs';
import { measureOnce } from './measure.mjs';
import { readOptions } from './options.mjs';
import { showTable, showTargets, summarize } from './report.mjs';
import { judge } from './targets.mjs';

const results = join(dirname(fileURLToPath(import.meta.url)), 'results');

/** @param {string} text */
const print = (text) => process.stdout.write(text);

/**
 * One workload in all its rounds. The servers take turns within a round, so that what happens to the machine in the
 * course of a run happens to all of them.
 *
 * @param {import('./workloads/index.mjs').Workload} workload
 * @param {import('./options.mjs').Options} options
 */
async function runWorkload(workload, options) {
  /** @type {import('./statistics.mjs').Sample[]} */
  const samples = [];
  /** @type {import('./report.mjs').Failure[]} */
  const failures = [];
  const rivals = options.rivals.filter(({ id }) => workload.rivals.includes(id));
  for (let round = 1; round <= options.rounds; round += 1) {
    for (const [name, plan] of Object.entries(workload.cases)) {
      for (const rival of rivals) {
        const about = { workload: workload.id, case: name, rival: rival.id, round };
        process.stderr.write(`${workload.id} ${name} · ${rival.title} · round ${round} of ${options.rounds}\n`);
        try {
          const timed = { seconds: options.seconds * (workload.stretch ?? 1), warmup: options.warmup, ...plan };
          samples.push({ ...about, ...(await measureOnce(rival, workload, timed)) });
        } catch (error) {
          failures.push({ ...about, message: error instanceof Error ? error.message : String(error) });
        }
      }
    }
  }
  return { samples, failures };
}

async function main() {
  const options = readOptions(process.argv.slice(2));
  const machine = describeMachine();
  print(`${machineInOneLine(machine)}\n`);
  compileGenerator();

  const samples = [];
  const failures = [];
  const tables = [];
  for (const workload of options.workloads) {
    const outcome = await runWorkload(workload, options);
    samples.push(...outcome.samples);
    failures.push(...outcome.failures);
    const rows = summarize(workload, outcome.samples, outcome.failures);
    if (rows.length === 0) continue;
    tables.push({ workload: workload.id, title: workload.title, rows });
    print(showTable(workload, rows));
  }

  const targets = judge(samples);
  print(showTargets(targets));
  const { rounds, seconds } = options;
  const report = { date: new Date().toISOString(), machine, rounds, seconds, tables, targets, failures };
  // A part of the benchmark must not take the place of the figures that are shown to others.
  const file = join(results, options.complete ? 'latest' : 'partial');
  mkdirSync(results, { recursive: true });
  writeFileSync(`${file}.json`, `${JSON.stringify(report, null, 2)}\n`);
  const chart = drawChart(tables, machine);
  if (chart) writeFileSync(`${file}.svg`, chart);
  // A server that loses, doubles or misdirects messages has not done the work: its figures count for nothing.
  if (failures.length > 0) process.exitCode = 1;
}

try {
  await main();
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(1);
}
