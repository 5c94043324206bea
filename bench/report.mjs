import { rivals } from './rivals.mjs';
import { median, ratio, select, spread } from './statistics.mjs';

/**
 * One line of the results: a server in a case of a workload.
 *
 * @typedef {object} Row
 * @property {string} case
 * @property {string} rival
 * @property {string} title
 * @property {Record<string, number | null>} medians By measure.
 * @property {number | null} ratio To the base, of the first measure.
 * @property {number | null} spread Half the distance between its lowest and highest round, as a share of its median.
 * @property {number | null} disturbance Cores that were busy with something else, in the worst round.
 * @property {string | null} failure
 */

/** @typedef {{ workload: string, case: string, rival: string, round: number, message: string }} Failure */

/** What the ratios refer to: Rookery, or the first of those that were measured. @param {readonly { rival: string }[]} rows */
const baseOf = (rows) => (rows.some(({ rival }) => rival === 'rookery') ? 'rookery' : rows[0]?.rival);

/** JSON has no way to write down that there is no number. @param {number} value */
const orNull = (value) => (Number.isFinite(value) ? value : null);

/** @param {string} id */
const titleOf = (id) => rivals.find((rival) => rival.id === id)?.title ?? id;

/**
 * @param {import('./workloads/index.mjs').Workload} workload
 * @param {import('./statistics.mjs').Sample[]} samples
 * @param {Failure[]} failures
 * @returns {Row[]}
 */
export function summarize(workload, samples, failures) {
  const headline = workload.measures[0]?.key ?? '';
  const base = baseOf(samples);
  return Object.keys(workload.cases).flatMap((name) =>
    workload.rivals.flatMap((rival) => {
      const ours = select(samples, { workload: workload.id, rival, case: name });
      const theirs = base ? select(samples, { workload: workload.id, rival: base, case: name }) : [];
      const failed = failures.find((one) => one.workload === workload.id && one.case === name && one.rival === rival);
      if (ours.length === 0 && !failed) return [];
      const values = (/** @type {string} */ key) => ours.map((sample) => sample.values[key] ?? NaN);
      return {
        case: name,
        rival,
        title: titleOf(rival),
        medians: Object.fromEntries(workload.measures.map(({ key }) => [key, orNull(median(values(key)))])),
        ratio: orNull(ratio(ours, theirs, headline)),
        spread: orNull(spread(values(headline))),
        disturbance: orNull(Math.max(...ours.map((sample) => sample.disturbance))),
        failure: failed?.message ?? null,
      };
    }),
  );
}

/** @param {string[][]} lines The first is the head. */
function layOut(lines) {
  const widths = (lines[0] ?? []).map((_, column) => Math.max(...lines.map((line) => (line[column] ?? '').length)));
  const aligned = lines.map((line) =>
    line.map((cell, column) => (column ? cell.padStart(widths[column] ?? 0) : cell.padEnd(widths[0] ?? 0))),
  );
  aligned.splice(
    1,
    0,
    widths.map((width) => '-'.repeat(width)),
  );
  return aligned.map((line) => `  ${line.join('  ').trimEnd()}`).join('\n');
}

/**
 * @template T
 * @param {T | null | undefined} value
 * @param {(value: T) => string} show
 */
const orDash = (value, show) => (value === null || value === undefined ? '–' : show(value));

/** Above this share of a core, what else runs on the machine shows in latencies. */
const DISTURBED = 0.1;

/** @param {Row[]} rows */
function describeDisturbance(rows) {
  const disturbed = rows.filter((row) => (row.disturbance ?? 0) > DISTURBED);
  if (disturbed.length === 0) return '';
  const most = Math.round(Math.max(...disturbed.map((row) => row.disturbance ?? 0)) * 100);
  const whom = disturbed.length === rows.length ? 'all of them' : disturbed.map(nameOf).join('; ');
  return `\n  Disturbed: other programs took up to ${most} % of a core from ${whom}`;
}

/** @param {Row} row */
const nameOf = (row) => [row.title, row.case].filter(Boolean).join(', ');

/**
 * @param {import('./workloads/index.mjs').Workload} workload
 * @param {Row[]} rows
 */
export function showTable(workload, rows) {
  const base = baseOf(rows.filter((row) => row.ratio !== null));
  const head = ['', ...workload.measures.map(({ title }) => title), 'spread', `× ${base}`];
  const lines = rows.map((row) => [
    nameOf(row),
    ...workload.measures.map(({ key, show }) => orDash(row.medians[key], show)),
    orDash(row.spread, (share) => `±${(share * 100).toFixed(0)} %`),
    orDash(row.ratio, (times) => times.toFixed(2)),
  ]);
  const notes = rows
    .filter(({ failure }) => failure !== null)
    .map((row) => `\n  FAILED: ${nameOf(row)}: ${row.failure}`);
  return `\n${workload.id}: ${workload.title}\n${layOut([head, ...lines])}${notes.join('')}${describeDisturbance(rows)}\n`;
}

/** @param {ReturnType<typeof import('./targets.mjs').judge>} verdicts */
export function showTargets(verdicts) {
  if (verdicts.length === 0) return '';
  const lines = verdicts.map(({ where, measure, against, atMost, reached, met }) => [
    `${where}: ${measure} against ${against}`,
    reached.toFixed(3),
    `≤ ${Number(atMost.toFixed(3))}`,
    met ? 'met' : 'MISSED',
  ]);
  return `\nTargets, Rookery's figure divided by the other\n${layOut([['', 'ratio', 'target', ''], ...lines])}\n`;
}
