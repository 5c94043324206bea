import { isReservedRoom } from './room-name.js';

/** Tells whether a room name fits a pattern. */
export type RoomMatcher = (room: string) => boolean;

/**
 * Compiles a glob over room names: `*` stands for any run of characters (none included), `{sub}` for the user, all
 * else for itself. A pattern that does not start with `@` never matches a reserved room.
 *
 * Each literal between two stars is searched once, from left to right, so that matching takes time proportional to
 * the name times the number of literals, whatever the pattern: there is no backtracking.
 *
 * @example
 * compilePattern('team:{sub}:*', 'alice')('team:alice:chat'); // true
 */
export function compilePattern(pattern: string, userId = ''): RoomMatcher {
  // The user is put in after the split: a star in a user id is a plain character.
  const literals = pattern.split('*').map((literal) => literal.replaceAll('{sub}', () => userId));
  const reachesReserved = pattern.startsWith('@');
  const first = literals[0] ?? '';
  const last = literals[literals.length - 1] ?? '';
  if (literals.length === 1) return (room) => room === first && (reachesReserved || !isReservedRoom(room));

  const middle = literals.slice(1, -1).filter((literal) => literal !== '');
  return (room) => {
    if (isReservedRoom(room) && !reachesReserved) return false;
    if (room.length < first.length + last.length || !room.startsWith(first) || !room.endsWith(last)) return false;
    const end = room.length - last.length;
    let from = first.length;
    for (const literal of middle) {
      const at = room.indexOf(literal, from);
      if (at < 0 || at + literal.length > end) return false;
      from = at + literal.length;
    }
    return true;
  };
}
