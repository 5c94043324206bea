import { readFileSync } from 'node:fs';

/** A row of a table, cell by cell, as it is written. */
export type Row = readonly string[];

export function readDocument(name: string): string {
  return readFileSync(new URL(`../../../${name}`, import.meta.url), 'utf8');
}

/** The text between a heading and the next one of its level or above. */
export function sectionOf(markdown: string, heading: string): string {
  const lines = markdown.split('\n');
  const start = lines.indexOf(heading);
  if (start < 0) throw new Error(`there is no heading "${heading}"`);
  const level = heading.indexOf(' ');
  const end = lines.findIndex((line, index) => index > start && /^#+ /.test(line) && line.indexOf(' ') <= level);
  return lines.slice(start + 1, end < 0 ? undefined : end).join('\n');
}

/** The rows of the first table of a text, without its head. */
export function tableOf(text: string): Row[] {
  const lines = text.split('\n');
  const head = lines.findIndex((line) => line.startsWith('|'));
  const after = lines.slice(head).findIndex((line) => !line.startsWith('|'));
  const [, , ...rows] = head < 0 ? [] : lines.slice(head, after < 0 ? undefined : head + after);
  if (rows.length === 0) throw new Error('there is no table');
  // A bar within a cell is written with a backslash before it.
  return rows.map((row) =>
    row
      .split(/(?<!\\)\|/)
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );
}

/** What stands between the first pair of backticks of a cell, if there is one. */
export function codeIn(cell = ''): string | undefined {
  return /`([^`]*)`/.exec(cell)?.[1];
}
