import { existsSync } from 'node:fs';
import { posix } from 'node:path';

import { readDocument } from './markdown.js';

const DOCUMENTS = [
  'README.md',
  'PROTOCOL.md',
  'ARCHITECTURE.md',
  'CONTRIBUTING.md',
  'CHANGELOG.md',
  'client/README.md',
];

/** The name by which a heading can be linked to. */
function anchorOf(heading: string): string {
  const text = heading.replace(/^#+ /, '').toLowerCase();
  return text.replaceAll(/[^\p{L}\p{N} _-]/gu, '').replaceAll(' ', '-');
}

const anchorsOf = (document: string): string[] =>
  [...readDocument(document).matchAll(/^#+ .+$/gm)].map(([heading]) => anchorOf(heading));

const isThere = (path: string): boolean => existsSync(new URL(`../../../${path}`, import.meta.url));

describe.each(DOCUMENTS)('%s', (document) => {
  it('links to what is there', () => {
    const text = readDocument(document).replaceAll(/```[^]*?```/g, '');
    const targets = [...text.matchAll(/\]\((?!https?:)([^)]+)\)/g)].map(([, target]) => target ?? '');
    const broken = targets.filter((target) => {
      const [path = '', anchor] = target.split('#');
      const linked = path === '' ? document : posix.join(posix.dirname(document), path);
      if (!isThere(linked)) return true;
      return anchor !== undefined && !anchorsOf(linked).includes(anchor);
    });
    expect(broken).toStrictEqual([]);
  });
});
