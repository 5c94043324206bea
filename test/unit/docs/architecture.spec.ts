import { readdirSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

import { readDocument, sectionOf, tableOf } from './markdown.js';

const document = readDocument('ARCHITECTURE.md');
const source = readdirSync(new URL('../../../src/', import.meta.url), { withFileTypes: true, recursive: true });
const root = fileURLToPath(new URL('../../../src/', import.meta.url));
const folders = source
  .filter((entry) => entry.isDirectory())
  .map(({ parentPath, name }) => `${relative(root, join(parentPath, name))}/`);
const client = readdirSync(new URL('../../../client/src/', import.meta.url));
const files = new Set([...source.filter((entry) => entry.isFile()).map(({ name }) => name), ...client]);

/** What stands in backticks in a text. */
const named = (text: string): string[] => [...text.matchAll(/`([^`]+)`/g)].map(([, name]) => name ?? '');

describe('ARCHITECTURE.md', () => {
  it('gives every folder a floor, once', () => {
    const told = tableOf(sectionOf(document, '## The house')).flatMap(([, cell = '']) => named(cell));
    expect(told.toSorted()).toStrictEqual([...folders, 'src/'].toSorted());
  });

  it('says what is in every folder, once', () => {
    const items = [...sectionOf(document, '## Where to find what').matchAll(/^- (.+?): /gm)];
    const told = items.flatMap(([, folder = '']) => named(folder));
    expect(told.toSorted()).toStrictEqual([...folders, 'src/'].toSorted());
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
