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

  it.each(['mgX2bQ1f.0!', 'a:1', 'ä b', 'e'.repeat(64)])('may be of any epoch, as in a join: %j', (epoch) => {
    expect(positionsIn({ recover_all: `${epoch}:7` })).toStrictEqual({ '@all': { epoch, offset: 7 } });
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
    'e\n:1',
    'e\u0000:1',
    `${'e'.repeat(65)}:1`,
    `e:${'1'.repeat(16)}`,
  ])('count as none when they read %j', (text) => {
    expect(positionsIn({ recover_all: text })).toStrictEqual({});
  });
});
