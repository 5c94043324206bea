import { environmentName, environmentOptions } from '../../../src/config/environment.js';
import { resolveOptions } from '../../../src/config/resolve-options.js';
import {
  CLOSE_CODES,
  CLIENT_MESSAGE_TYPES,
  ERRORS,
  REFUSALS,
  SERVER_MESSAGE_TYPES,
} from '../../../src/protocol/index.js';
import { CODE_OF_STATUS } from '../../../src/protocol/http-status.js';
import { AMPLE_MEMORY } from '../../support/memory.js';
import { codeIn, readDocument, sectionOf, tableOf } from './markdown.js';

const document = readDocument('PROTOCOL.md');
const table = (heading: string) => tableOf(sectionOf(document, heading));

describe('PROTOCOL.md', () => {
  it('lists the messages that a client may send, each with a section of its own', () => {
    const section = '## 4. From client to server';
    expect(table(section).map(([type]) => codeIn(type))).toStrictEqual([...CLIENT_MESSAGE_TYPES]);
    const described = [...sectionOf(document, section).matchAll(/^### `(.+)`$/gm)].map(([, type]) => type);
    expect(described).toStrictEqual([...CLIENT_MESSAGE_TYPES]);
  });

  it('names replies that the server sends', () => {
    const replies = table('## 4. From client to server').map(([, , reply]) => codeIn(reply));
    expect(SERVER_MESSAGE_TYPES).toStrictEqual(expect.arrayContaining(replies));
  });

  it('lists the messages that the server sends, and describes each', () => {
    const section = '## 5. From server to client';
    expect(table(section).map(([type]) => codeIn(type))).toStrictEqual([...SERVER_MESSAGE_TYPES]);
    const headings = [...sectionOf(document, section).matchAll(/^### .+$/gm)].map(([heading]) => heading);
    const described = headings.flatMap((heading) => [...heading.matchAll(/`([^`]+)`/g)].map(([, type]) => type));
    expect(new Set(described)).toStrictEqual(new Set(SERVER_MESSAGE_TYPES));
    expect(described).toHaveLength(SERVER_MESSAGE_TYPES.length);
  });

  it('lists the errors with their texts', () => {
    const rows = table('## 8. Errors').map(([code, message]) => [codeIn(code), message]);
    expect(rows).toStrictEqual(Object.entries(ERRORS));
  });

  it('lists the codes of the statuses of an application’s exceptions', () => {
    const rows = table('### 8.1 Exceptions of the application').map(([status, code]) => [status, codeIn(code)]);
    expect(rows).toStrictEqual(Object.entries(CODE_OF_STATUS));
  });

  it('lists the close codes with their names', () => {
    const rows = table('### 7.2 Close codes').map(([code, name]) => [codeIn(name), Number(codeIn(code))]);
    expect(rows).toStrictEqual(Object.entries(CLOSE_CODES));
  });

  it('lists the refusals with their statuses and texts', () => {
    const rows = table('### 1.4 Refusals').map(([code, status, message]) => [
      codeIn(code),
      { status: Number(status), message },
    ]);
    expect(Object.fromEntries(rows)).toStrictEqual(REFUSALS);
    expect(rows).toHaveLength(Object.keys(REFUSALS).length);
  });

  it('gives the limits their defaults, by settings that exist', () => {
    const options = resolveOptions({}, AMPLE_MEMORY);
    const defaults = environmentOptions().map((option) => [environmentName(option), JSON.stringify(options[option])]);
    const rows = table('### 9.1 The limits and their settings').map(([, value, name]) => [codeIn(name), codeIn(value)]);
    expect(defaults).toStrictEqual(expect.arrayContaining(rows));
  });

  it('names no setting that does not exist', () => {
    const known = new Set([
      ...environmentOptions().map(environmentName),
      ...Object.keys(ERRORS),
      ...Object.keys(REFUSALS),
      ...Object.keys(CLOSE_CODES),
    ]);
    const named = [...document.matchAll(/`([A-Z][A-Z_]+)(?:=\w+)?`/g)].map(([, name]) => name ?? '');
    expect(named.filter((name) => !known.has(name))).toStrictEqual([]);
  });

  it('shows messages that are JSON, of types that exist', () => {
    const shown = [...sectionOf(document, '## 10. An example').matchAll(/^([<>]) (.+)$/gm)];
    expect(shown.length).toBeGreaterThan(0);
    for (const [, direction, text = ''] of shown) {
      const { type }: { type: string } = JSON.parse(text);
      expect(direction === '>' ? CLIENT_MESSAGE_TYPES : SERVER_MESSAGE_TYPES).toContain(type);
    }
  });
});
