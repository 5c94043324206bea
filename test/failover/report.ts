import type { Happening } from './ledger.js';
import type { Entry, MemberLog } from './member-log.js';
import type { Column, Finding, Verdict } from './verdict.js';

const EXAMPLES = 3;
/** Time shown around a finding, in milliseconds. */
const BEFORE_MS = 6000;
const AFTER_MS = 6000;

/** Renders all columns of one row as one line. */
export function tableLine(name: string, cells: Readonly<Record<string, number>>): string {
  const text = Object.entries(cells).map(([column, value]) => `${column}=${value}`);
  return `${name}: ${text.join(' ')}`;
}

/** Renders what happened to the servers, as one line. */
export function storyLine(story: readonly Happening[]): string {
  return story.map(({ at, what }) => `${at} ${what}`).join('; ');
}

/** Renders the first findings of some columns, each with what happened around it. */
export function details(
  { findings }: Verdict,
  columns: readonly Column[],
  story: readonly Happening[],
  most = EXAMPLES,
): string {
  const chosen = columns.flatMap((column) => {
    const all = findings.filter((finding) => finding.column === column);
    // One for each room: other members of a room often have the same finding.
    const first = all.filter(({ log }, index) => all.findIndex(({ log: { room } }) => room === log.room) === index);
    return first.slice(0, most);
  });
  return chosen.map((finding) => describeFinding(finding, story)).join('\n\n');
}

function describeFinding({ column, log, at, messages, what }: Finding, story: readonly Happening[]): string {
  const from = at - BEFORE_MS;
  const told = log.announcements.find((announcement) => announcement.at > at)?.at ?? at;
  const to = Math.max(at, Math.min(told, at + 2 * AFTER_MS)) + AFTER_MS;
  return [
    `${column}: ${log.member} in ${log.room} at ${at}: ${what}`,
    ...messages.flatMap(({ id, attempts, acknowledgements }) => [
      `  ${id} sent ${attempts.map((attempt) => `${attempt.at} to ${attempt.node}`).join(', ')}`,
      ...acknowledgements.map(
        (ack) =>
          `  ${id} acknowledged ${ack.at} by ${ack.node} as ${ack.epoch}:${ack.offset}${ack.duplicate ? ' (duplicate)' : ''}`,
      ),
    ]),
    '  the member:',
    ...describeLog(log, from, to).map((line) => `    ${line}`),
    '  the servers:',
    ...story.filter((each) => each.at >= from && each.at <= to).map((each) => `    ${each.at} ${each.what}`),
  ].join('\n');
}

/** Renders the entries of a time span, with each run of deliveries in one line. */
export function describeLog({ entries }: MemberLog, from: number, to: number): string[] {
  const lines: string[] = [];
  let run: Extract<Entry, { kind: 'delivery' }>[] = [];
  const endRun = (): void => {
    const [first, last] = [run[0], run.at(-1)];
    run = [];
    if (first === undefined || last === undefined) return;
    const place = `${first.epoch}:${first.offset}–${last.offset}`;
    lines.push(`${first.at}–${last.at} ${first.node} delivers ${place} (${first.id} … ${last.id})`);
  };
  for (const entry of entries.filter(({ at }) => at >= from && at <= to)) {
    if (entry.kind === 'delivery') {
      const last = run.at(-1);
      if (last !== undefined && (last.epoch !== entry.epoch || last.offset + 1 !== entry.offset)) endRun();
      run.push(entry);
      continue;
    }
    endRun();
    lines.push(describeEntry(entry));
  }
  endRun();
  return lines;
}

function describeEntry(entry: Exclude<Entry, { kind: 'delivery' }>): string {
  const start = `${entry.at} ${entry.node}`;
  if (entry.kind === 'gone') return `${start} left: ${entry.why}`;
  const way = `${entry.from?.epoch ?? '-'}:${entry.from?.offset ?? '-'} → ${entry.to.epoch}:${entry.to.offset}`;
  return entry.kind === 'announcement'
    ? `${start} announces a loss by ${entry.by} (${entry.reason}): ${way}`
    : `${start} ${entry.kind}: ${way}`;
}
