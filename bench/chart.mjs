import { machineInOneLine } from './machine.mjs';
import { workloads } from './workloads/index.mjs';

const WIDTH = 960;
const MARGIN = 24;
const GAP = 32;
const PANEL = (WIDTH - 2 * MARGIN - GAP) / 2;
const HEAD = 52;
const LINE = 24;
const BAR = 14;
/** What is left of a panel for bars: names stand left of them, figures right. */
const NAMES = 180;
const FIGURES = 120;
const BARS = PANEL - NAMES - FIGURES;

/** An SVG in a page cannot see the page's colours, but it is told what the reader prefers: it brings its own ground. */
const STYLE = `
  .ground { fill: #ffffff; stroke: #d8dee4 }
  text { font: 13px system-ui, -apple-system, 'Segoe UI', Helvetica, Arial, sans-serif; fill: #1f2328 }
  .title { font-size: 14px; font-weight: 600 }
  .quiet { font-size: 12px; fill: #59636e }
  .bar { fill: #9aa7b5 }
  .ours { fill: #1f6feb }
  .strong { font-weight: 600 }
  @media (prefers-color-scheme: dark) {
    .ground { fill: #0d1117; stroke: #30363d }
    text { fill: #e6edf3 }
    .quiet { fill: #9198a1 }
    .bar { fill: #57606a }
    .ours { fill: #4493f8 }
  }`;

/** @typedef {{ workload: string, title: string, rows: import('./report.mjs').Row[] }} Table */

/** @param {string} text */
const escape = (text) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');

/**
 * @param {number} x
 * @param {number} y
 * @param {string} text
 * @param {string} className
 */
const write = (x, y, text, className = '') => `<text x="${x}" y="${y}" class="${className}">${escape(text)}</text>`;

/**
 * @param {import('./report.mjs').Row} row
 * @param {{ key: string, show: (value: number) => string }} measure
 * @param {number} longest The value whose bar takes all the room.
 */
function drawRow(row, { key, show }, longest) {
  const value = row.medians[key] ?? null;
  const ours = row.rival === 'rookery';
  const emphasis = ours ? 'strong' : '';
  const baseline = BAR - 2;
  if (value === null) return write(0, baseline, row.title) + write(NAMES, baseline, 'failed', 'quiet');
  // Never thinner than can be seen: nought would be a claim.
  const length = Math.max(2, (value / longest) * BARS);
  const times = row.ratio === null || ours ? '' : ` · ${row.ratio.toFixed(row.ratio < 10 ? 2 : 1)}×`;
  return [
    write(0, baseline, row.title, emphasis),
    `<rect x="${NAMES}" y="0" width="${length.toFixed(1)}" height="${BAR}" rx="2" class="${ours ? 'ours' : 'bar'}"/>`,
    write(NAMES + BARS + 8, baseline, show(value) + times, emphasis),
  ].join('');
}

/** @param {Table} table */
function drawPanel(table) {
  const workload = workloads.find(({ id }) => id === table.workload);
  const measure = workload?.measures[0];
  if (!workload || !measure) return '';
  const longest = Math.max(...table.rows.map(({ medians }) => medians[measure.key] ?? 0));
  const rows = table.rows.map(
    (row, index) => `<g transform="translate(0 ${HEAD + index * LINE})">${drawRow(row, measure, longest)}</g>`,
  );
  return [
    write(0, 16, workload.label, 'title'),
    write(0, 34, `${measure.title}, less is better`, 'quiet'),
    ...rows,
  ].join('\n');
}

/** @param {Table[]} tables */
function layOut(tables) {
  let y = MARGIN;
  /** @type {string[]} */
  const panels = [];
  for (let index = 0; index < tables.length; index += 2) {
    const pair = tables.slice(index, index + 2);
    pair.forEach((table, column) => {
      const x = MARGIN + column * (PANEL + GAP);
      panels.push(`<g transform="translate(${x} ${y})">\n${drawPanel(table)}\n</g>`);
    });
    y += HEAD + Math.max(...pair.map(({ rows }) => rows.length)) * LINE + GAP / 2;
  }
  return { panels, bottom: y };
}

/**
 * One panel for each workload that compares servers in a single case; the others are tables by nature.
 *
 * @param {Table[]} all
 * @param {ReturnType<typeof import('./machine.mjs').describeMachine>} machine
 * @returns {string | null} Nothing where there is nothing to compare.
 */
export function drawChart(all, machine) {
  const tables = all.filter(({ rows }) => rows.length > 1 && rows.every((row) => row.case === ''));
  if (tables.length === 0) return null;
  const { panels, bottom } = layOut(tables);
  const height = bottom + MARGIN;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" role="img">`,
    '<title>Rookery and other WebSocket servers, measured in one run</title>',
    `<style>${STYLE}\n</style>`,
    `<rect class="ground" x="0.5" y="0.5" width="${WIDTH - 1}" height="${height - 1}" rx="8"/>`,
    ...panels,
    write(MARGIN, height - 18, machineInOneLine(machine), 'quiet'),
    '</svg>',
    '',
  ].join('\n');
}
