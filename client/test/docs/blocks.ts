import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { PROJECT } from '../../../test/support/project.js';

/** A block of code in a document. */
export interface Block {
  /** The heading that it stands under, and its number there. */
  readonly title: string;
  readonly language: string;
  readonly code: string;
  /** What it prints when it is run, as a comment before it says: `<!-- prints: … -->`. */
  readonly prints: string | undefined;
}

/** All blocks of code of a document of the project, in their order. */
export function blocksOf(document: string): Block[] {
  const text = readFileSync(join(PROJECT, document), 'utf8');
  const counts = new Map<string, number>();
  let heading = '';
  const blocks: Block[] = [];
  const parts =
    /^#+ (?<heading>.+)$|(?:^<!-- prints: (?<prints>.+) -->\n\n)?^```(?<language>\w*)\n(?<code>[^]*?)^```$/gm;
  for (const { groups = {} } of text.matchAll(parts)) {
    const { language, code, prints } = groups;
    if (language === undefined || code === undefined) {
      heading = groups['heading'] ?? '';
      continue;
    }
    const count = (counts.get(heading) ?? 0) + 1;
    counts.set(heading, count);
    blocks.push({ title: `${heading} (${count})`, language, code, prints });
  }
  return blocks;
}

/** A name for a block's file. */
export function fileNameOf({ title, language }: Block): string {
  return `${title
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .replaceAll(/^-|-$/g, '')}.${language === 'tsx' ? 'tsx' : 'ts'}`;
}
