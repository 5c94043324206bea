import * as fc from 'fast-check';

import { compilePattern } from '../../../src/protocol/room-pattern.js';

/** What a pattern means, written for clarity: exponential, and right by looking at it. */
function fits(pattern: string, room: string): boolean {
  if (pattern === '') return room === '';
  if (pattern.startsWith('*')) return fits(pattern.slice(1), room) || (room !== '' && fits(pattern, room.slice(1)));
  return room !== '' && pattern.charAt(0) === room.charAt(0) && fits(pattern.slice(1), room.slice(1));
}

const letters = (alphabet: string, maxLength: number): fc.Arbitrary<string> =>
  fc.string({ unit: fc.constantFrom(...alphabet.split('')), maxLength });

describe('compilePattern', () => {
  it.each([
    ['general', 'general', true],
    ['general', 'generals', false],
    ['general', 'genera', false],
    ['*', 'anything', true],
    ['chat:*', 'chat:', true],
    ['chat:*', 'chat:a:b', true],
    ['chat:*', 'chat', false],
    ['*:log', 'app:log', true],
    ['*:log', 'app:logs', false],
    ['a*a', 'a', false],
    ['a*a', 'aa', true],
    ['a*bc*c', 'abc', false],
    ['a*b*c', 'a-b-c', true],
    ['a**c', 'abc', true],
    ['team.?', 'teamx1', false],
    ['[ab]', 'a', false],
  ])('%j on %j: %s', (pattern, room, expected) => {
    expect(compilePattern(pattern)(room)).toBe(expected);
  });

  it('agrees with a naive matcher on every pattern and name', () => {
    fc.assert(
      fc.property(letters('ab*', 7), letters('ab', 9), (pattern, room) => {
        expect(compilePattern(pattern)(room)).toBe(fits(pattern, room));
      }),
      { numRuns: 2000 },
    );
  });

  it('agrees with it on names that are made to fit', () => {
    const pieces = fc.array(letters('abc', 3), { minLength: 1, maxLength: 5 });
    fc.assert(
      fc.property(pieces, fc.array(letters('abc', 3), { minLength: 5, maxLength: 5 }), (literals, fillings) => {
        const room = literals.map((literal, index) => literal + (fillings[index] ?? '')).join('');
        expect(compilePattern(`${literals.join('*')}*`)(room)).toBe(true);
      }),
    );
  });

  it('takes no super-linear time, whatever the pattern', () => {
    const room = 'a'.repeat(100_000);
    const startedAt = performance.now();
    expect(compilePattern(`${'*a'.repeat(200)}*b`)(room)).toBe(false);
    expect(compilePattern(`${'*a'.repeat(200)}*b*`)(room)).toBe(false);
    expect(compilePattern(`${'*'.repeat(400)}b`)(room)).toBe(false);
    // Backtracking would not end in a lifetime; 200 looks at each character would take seconds.
    expect(performance.now() - startedAt).toBeLessThan(1000);
  });

  describe('with {sub}', () => {
    it('puts the user in, as often as it is named', () => {
      const matches = compilePattern('{sub}:to:{sub}:*', 'alice');
      expect(matches('alice:to:alice:x')).toBe(true);
      expect(matches('alice:to:bob:x')).toBe(false);
    });

    it('takes the user as plain text, stars and dollar signs and braces included', () => {
      fc.assert(
        fc.property(letters('ab*${&}', 6), letters('ab*${&}', 6), (user, other) => {
          expect(compilePattern('inbox:{sub}', user)(`inbox:${other}`)).toBe(user === other);
        }),
        {
          numRuns: 1000,
          examples: [
            ['*', 'a'],
            ['$&', '{sub}'],
            ['{sub}', '{sub}'],
          ],
        },
      );
    });
  });

  describe('on the server’s own rooms', () => {
    it.each(['*', '**', '*all', '*user:bob', '*@user:*'])('%j does not reach them', (pattern) => {
      const matches = compilePattern(pattern);
      expect(matches('@all')).toBe(false);
      expect(matches('@user:bob')).toBe(false);
    });

    it('a user whose name starts with @ does not reach them by {sub}', () => {
      expect(compilePattern('{sub}', '@all')('@all')).toBe(false);
      expect(compilePattern('{sub}*', '@user:')('@user:bob')).toBe(false);
    });

    it('a pattern that starts with @ does', () => {
      expect(compilePattern('@all')('@all')).toBe(true);
      expect(compilePattern('@user:*')('@user:bob')).toBe(true);
      expect(compilePattern('@user:*')('@all')).toBe(false);
      expect(compilePattern('@user:{sub}', 'bob')('@user:bob')).toBe(true);
    });
  });
});
