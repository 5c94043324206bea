import { resolveOptions } from '../../../src/config/resolve-options.js';
import { Rights, missingRight } from '../../../src/broker/redis/rights.js';
import { SCRIPTS } from '../../../src/broker/redis/scripts/scripts.js';
import { readDocument } from '../docs/markdown.js';

const rights = new Rights(resolveOptions({ nodeEnv: 'test', redisUrl: 'redis://localhost/1' }));
const commands = new Set(rights.calls.map((call) => call.split(' ')[0]));

/** Says what is missing for a user who may run all but these calls. */
function missing(lacks: (call: string) => boolean): string {
  return rights.missingRules(rights.calls.flatMap((call, index) => (lacks(call) ? [index + 1] : [])));
}

describe('the rights of the user in Redis', () => {
  it('have every command that a script calls', () => {
    const called = [
      ...Object.values(SCRIPTS)
        .join('\n')
        .matchAll(/redis\.p?call\('([A-Z]+)'/g),
    ].map(([, name]) => name);
    expect(called.length).toBeGreaterThan(10);
    expect(called.filter((name) => !commands.has(name))).toEqual([]);
  });

  it('are those of the documents, which also let connections have a name', () => {
    const [line = ''] = /^ACL SETUSER rookery .*$/m.exec(readDocument('docs/operations.md')) ?? [];
    const documented = line.split(' ').filter((rule) => rule.startsWith('+'));
    const needed = [...commands].map((command) => `+${String(command).toLowerCase()}`);
    expect(documented).toEqual([...needed, '+client|setname'].toSorted());
  });

  it('name a command once, wherever it is missing', () => {
    expect(missing((call) => call.startsWith('SET '))).toBe('+set');
    expect(missing((call) => call.startsWith('SPUBLISH'))).toBe('+spublish');
    expect(missing((call) => call === 'INFO')).toBe('+info');
  });

  it('name a pattern if nothing is allowed on it', () => {
    expect(missing((call) => call.includes('rookery{probe}:m'))).toBe('~rookery{*');
    expect(missing((call) => call.includes('rookery:probe'))).toBe('~rookery:*');
    expect(missing((call) => call.includes(':c@1'))).toBe('&rookery{*');
    expect(missing((call) => call.includes('rookery:{nodes}'))).toBe('&rookery:*');
  });

  it('are found in what Redis says of a command that it rejects', () => {
    expect(missingRight("NOPERM User x has no permissions to run the 'client|setname' command")).toBe(
      'the user lacks the right +client|setname',
    );
    expect(missingRight('NOPERM No permissions to access a channel')).toBe('the user lacks the right to a channel');
    expect(missingRight("ERR The user executing the script can't run this command")).toMatch(/^the user lacks/);
    expect(missingRight('OOM command not allowed')).toBeUndefined();
  });
});
