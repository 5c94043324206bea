import { environmentName, environmentOptions, optionsFromEnvironment } from '../../../src/config/environment.js';
import { resolveOptions } from '../../../src/config/resolve-options.js';
import type { RookeryOptionsInput } from '../../../src/config/rookery.options.js';
import { AMPLE_MEMORY } from '../../support/memory.js';
import { codeIn, readDocument, sectionOf, tableOf } from './markdown.js';

const names = environmentOptions().map(environmentName);

const example = readDocument('.env.example').split('\n');
/** Names and values of the settings, as they would be if their lines were no comments. */
const entries = example.flatMap((line) => {
  const [, name, value] = /^# ([A-Z][A-Z_]*)=(.*)$/.exec(line) ?? [];
  return name === undefined || value === undefined ? [] : [[name, value] as const];
});

/** The options that come out differently when a setting is given by its text. */
function changedBy(name: string, text: string, base: RookeryOptionsInput = {}): string[] {
  const before = resolveOptions(base, AMPLE_MEMORY);
  const after = resolveOptions({ ...base, ...optionsFromEnvironment({ [name]: text }) }, AMPLE_MEMORY);
  return environmentOptions().filter((option) => JSON.stringify(before[option]) !== JSON.stringify(after[option]));
}

/** Whether a setting is something when nobody sets it. */
function hasDefault(name: string): boolean {
  const option = environmentOptions().find((candidate) => environmentName(candidate) === name);
  const value: unknown = option === undefined ? undefined : resolveOptions({}, AMPLE_MEMORY)[option];
  return value !== undefined && !(Array.isArray(value) && value.length === 0);
}

describe('.env.example', () => {
  it('has every setting, in the order of the code, and no other', () => {
    expect(entries.map(([name]) => name)).toStrictEqual(names);
  });

  it('sets nothing: all lines are comments', () => {
    expect(example.filter((line) => line !== '' && !line.startsWith('#'))).toStrictEqual([]);
  });

  it.each(entries)('gives %s its default, %j', (name, text) => {
    expect(text !== '').toBe(hasDefault(name));
    expect(changedBy(name, text)).toStrictEqual([]);
  });

  it('says what each setting is, right before it', () => {
    const without = entries.filter(([name, value]) => {
      const before = example[example.indexOf(`# ${name}=${value}`) - 1] ?? '';
      return !/^# .*\w/.test(before) || /^# [A-Z_]+=/.test(before);
    });
    expect(without).toStrictEqual([]);
  });

  it('names the unit of every time and size', () => {
    const text = example.join('\n');
    const paragraphOf = (name: string): string => text.split('\n\n').find((part) => part.includes(`# ${name}=`)) ?? '';
    const unnamed = names.filter(
      (name) =>
        (name.endsWith('_MS') && !paragraphOf(name).includes('Milliseconds')) ||
        (name.endsWith('_BYTES') && !/bytes/i.test(paragraphOf(name))),
    );
    expect(unnamed).toStrictEqual([]);
  });
});

describe('the settings of README.md', () => {
  const rows = tableOf(sectionOf(readDocument('README.md'), '## Settings'));

  it('are those of .env.example, with the same defaults', () => {
    const listed = rows.map(([name, value]) => [codeIn(name), codeIn(value) ?? '']);
    expect(listed).toStrictEqual(entries.map(([name, value]) => [name, value]));
  });

  it('tell what is different in production', () => {
    const production: RookeryOptionsInput = { nodeEnv: 'production', jwtSecret: 'x'.repeat(32) };
    const [inDevelopment, inProduction] = [resolveOptions({}, AMPLE_MEMORY), resolveOptions(production, AMPLE_MEMORY)];
    const differing = environmentOptions().filter(
      (option) =>
        !['nodeEnv', 'jwtSecret'].includes(option) &&
        JSON.stringify(inDevelopment[option]) !== JSON.stringify(inProduction[option]),
    );
    const told = rows.flatMap(([name, value]) => {
      const [, text] = /in production `([^`]*)`/.exec(value ?? '') ?? [];
      return text === undefined ? [] : [[codeIn(name) ?? '', text] as const];
    });
    expect(told.map(([name]) => name)).toStrictEqual(differing.map(environmentName));
    for (const [name, text] of told) expect(changedBy(name, text, production)).toStrictEqual([]);
  });

  it('each say what they are', () => {
    expect(rows.filter(([, , meaning = '']) => !/\w+ .*\.$/.test(meaning))).toStrictEqual([]);
  });
});
