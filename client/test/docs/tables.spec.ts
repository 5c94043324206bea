import ts from 'typescript';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { PROJECT } from '../../../test/support/project.js';
import { codeIn, readDocument, sectionOf, tableOf } from '../../../test/unit/docs/markdown.js';
import { RookeryError, type ClientErrorCode } from '../../src/index.js';

const document = readDocument('client/README.md');
const rowsOf = (heading: string) => tableOf(sectionOf(document, heading));

/** The compiler sees to it that this is all of them. */
const CLIENT_CODES: Readonly<Record<ClientErrorCode, true>> = {
  TIMEOUT: true,
  ABORTED: true,
  QUEUE_FULL: true,
  CLOSED: true,
  OFFLINE: true,
  INVALID_DATA: true,
  OVERFLOW: true,
  TOKEN_FAILED: true,
  SIGNED_OUT: true,
  STORE_FAILED: true,
  OUT_OF_ORDER: true,
};

/** The options as the code declares them, with their `@default`: `queue.maxBytes` for one within another. */
function declaredOptions(): Record<string, string | undefined> {
  const path = join(PROJECT, 'client', 'src', 'options.ts');
  const source = ts.createSourceFile(path, readFileSync(path, 'utf8'), ts.ScriptTarget.ES2022, true);
  const interfaces = new Map(
    source.statements.filter(ts.isInterfaceDeclaration).map((declaration) => [declaration.name.text, declaration]),
  );
  const options: Record<string, string | undefined> = {};
  const walk = (name: string, prefix: string): void => {
    for (const member of interfaces.get(name)?.members.filter(ts.isPropertySignature) ?? []) {
      const property = `${prefix}${member.name.getText()}`;
      const inner = member.type?.getText().replace(' | undefined', '') ?? '';
      if (inner.endsWith('Options') && interfaces.has(inner)) walk(inner, `${property}.`);
      else options[property] = defaultOf(member);
    }
  };
  walk('ClientOptions', '');
  return options;
}

function defaultOf(member: ts.PropertySignature): string | undefined {
  const tag = ts.getJSDocTags(member).find(({ tagName }) => tagName.text === 'default');
  return tag === undefined ? undefined : ts.getTextOfJSDocComment(tag.comment)?.trim();
}

/** As in the code, where the table has signs for code. */
const plain = (cell = ''): string => cell.replaceAll('`', '');

describe('README.md of the client', () => {
  it('lists every option with its default, and no other', () => {
    const listed = rowsOf('## Options').map(([name, standard]) => [codeIn(name), plain(standard)]);
    const declared = Object.entries(declaredOptions()).map(([name, standard]) => [name, plain(standard ?? '–')]);
    expect(listed).toStrictEqual(declared);
  });

  it('lists every error of the client, and of all errors whether they are retryable', () => {
    const rows = rowsOf('## Errors').map(([code, retryable]) => [codeIn(code) ?? '', retryable] as const);
    expect(rows.map(([code]) => code)).toEqual(expect.arrayContaining(Object.keys(CLIENT_CODES)));
    for (const [code, retryable] of rows) {
      expect([code, retryable]).toEqual([code, new RookeryError(code, '').retryable ? 'yes' : 'no']);
    }
  });
});
