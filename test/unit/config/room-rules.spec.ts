import { problemsOfRoomRules } from '../../../src/config/parse-room-rules.js';
import { RookeryOptions } from '../../../src/config/rookery.options.js';
import { RoomRules } from '../../../src/config/room-rules.js';
import type { RoomRule } from '../../../src/config/room-rule.js';

function rulesOf(rooms: readonly RoomRule[]): RoomRules {
  return new RoomRules(Object.assign(new RookeryOptions(), { rooms, historySize: 50, historyTtlMs: 7000 }));
}

describe('RoomRules', () => {
  const fallback = {
    rule: 'default',
    historySize: 50,
    historyTtlMs: 7000,
    presence: false,
    echo: false,
    publish: 'granted',
    overflow: 'drop-oldest',
  };

  it('gives a room without a rule what the options say', () => {
    expect(rulesOf([{ pattern: 'ticker:*', echo: true }]).of('general')).toStrictEqual(fallback);
  });

  it('takes what a rule leaves out from the options', () => {
    const rules = rulesOf([{ pattern: 'ticker:*', historySize: 0, overflow: 'keep-latest' }]);
    expect(rules.of('ticker:eur')).toStrictEqual({
      ...fallback,
      rule: 'ticker:*',
      historySize: 0,
      overflow: 'keep-latest',
    });
  });

  it('applies the first rule that fits, and that one alone', () => {
    const rules = rulesOf([
      { pattern: 'a:*', echo: true },
      { pattern: '*', publish: 'server' },
    ]);
    expect(rules.of('a:1')).toMatchObject({ echo: true, publish: 'granted' });
    expect(rules.of('b:1')).toMatchObject({ echo: false, publish: 'server' });
  });

  it('reaches the server’s own rooms by patterns that name them', () => {
    const rules = rulesOf([
      { pattern: '*', historySize: 1 },
      { pattern: '@all', historySize: 2 },
    ]);
    expect(rules.of('@all').historySize).toBe(2);
    expect(rules.of('@user:alice').historySize).toBe(50);
  });
});

describe('problemsOfRoomRules', () => {
  it('finds nothing wrong with a whole rule', () => {
    const rule = {
      pattern: '*',
      historySize: 0,
      historyTtlMs: 1000,
      presence: true,
      echo: false,
      publish: 'members',
      overflow: 'disconnect',
    };
    expect(problemsOfRoomRules([rule, { pattern: 'general' }])).toStrictEqual([]);
    expect(problemsOfRoomRules([])).toStrictEqual([]);
  });

  it.each<[unknown, string]>([
    [null, 'room rules must be a list'],
    [[7], 'room rule 0 must be an object'],
    [[{ pattern: '*' }, null], 'room rule 1 must be an object'],
    [[{}], 'room rule 0: pattern must be a non-empty text'],
    [[{ pattern: '' }], 'room rule 0: pattern must be a non-empty text'],
    [[{ pattern: '*', historySize: -1 }], 'room rule 0: historySize must be a whole number, 0 or more'],
    [[{ pattern: '*', historyTtlMs: '5' }], 'room rule 0: historyTtlMs must be a whole number, 0 or more'],
    [[{ pattern: '*', presence: 'on' }], 'room rule 0: presence must be true or false'],
    [[{ pattern: '*', publish: 'all' }], 'room rule 0: publish must be one of granted, members, server'],
    [[{ pattern: '*', overflow: 'drop' }], 'room rule 0: overflow must be one of drop-oldest, keep-latest, disconnect'],
    [[{ pattern: '*', histroySize: 1 }], 'room rule 0 has an unknown field "histroySize"'],
    [[{ pattern: '*', toString: 1 }], 'room rule 0 has an unknown field "toString"'],
  ])('finds what is wrong with %j', (rules, problem) => {
    expect(problemsOfRoomRules(rules)).toStrictEqual([problem]);
  });
});
