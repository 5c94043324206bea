import { readdirSync } from 'node:fs';

import { readDocument, sectionOf, tableOf } from './markdown.js';

const document = readDocument('ARCHITECTURE.md');
const source = readdirSync(new URL('../../../src/', import.meta.url), { withFileTypes: true, recursive: true });
const folders = source.filter((entry) => entry.isDirectory()).map(({ name }) => `${name}/`);
const client = readdirSync(new URL('../../../client/src/', import.meta.url));
const files = new Set([...source.filter((entry) => entry.isFile()).map(({ name }) => name), ...client]);

/** What stands in backticks in a text. */
const named = (text: string): string[] => [...text.matchAll(/`([^`]+)`/g)].map(([, name]) => name ?? '');

describe('ARCHITECTURE.md', () => {
  it.each([
    ['a floor', '## The house', 1],
    ['its files', '## Where to find what', 0],
  ])('gives every folder %s, once', (_what, heading, column) => {
    const told = tableOf(sectionOf(document, heading)).flatMap((row) => named(row[column] ?? ''));
    expect(new Set(told)).toStrictEqual(new Set([...folders, 'src/']));
    expect(told).toHaveLength(folders.length + 1);
  });

  it('says of every file of the client what part it has', () => {
    const told = tableOf(sectionOf(document, '## The client')).flatMap(([, cell = '']) => named(cell));
    expect(told.toSorted()).toStrictEqual(client.toSorted());
  });

  it('names no file that is not there', () => {
    const gone = named(document).filter((name) => /^[\w./-]+\.ts$/.test(name) && !files.has(name.replace(/^.*\//, '')));
    expect(gone).toStrictEqual([]);
  });
});
