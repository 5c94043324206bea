import { positionsOf } from '../../../src/connections/own-room-recovery.js';

const positionsIn = (query: Record<string, string>): object =>
  Object.fromEntries(positionsOf(new URLSearchParams(query), 'alice'));

describe('positions in the upgrade’s query', () => {
  it('are those of everybody’s room and of the user’s own', () => {
    expect(positionsIn({ recover_all: 'aB-_.9:0', recover_user: 'e:42' })).toStrictEqual({
      '@all': { epoch: 'aB-_.9', offset: 0 },
      '@user:alice': { epoch: 'e', offset: 42 },
    });
    expect(positionsIn({ recover_user: 'e:42' })).toStrictEqual({ '@user:alice': { epoch: 'e', offset: 42 } });
    expect(positionsIn({})).toStrictEqual({});
  });

  it.each([
    '',
    ':',
    'e',
    'e:',
    ':1',
    'e:-1',
    'e:1.5',
    'e:x',
    'e:1:2',
    'e e:1',
    `${'e'.repeat(65)}:1`,
    `e:${'1'.repeat(16)}`,
  ])('count as none when they read %j', (text) => {
    expect(positionsIn({ recover_all: text })).toStrictEqual({});
  });
});
