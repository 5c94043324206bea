import { ProtocolError } from './errors.js';

/** Longest room name, in UTF-16 code units. */
export const MAX_ROOM_NAME_LENGTH = 200;

/** Longest user id; `@user:` and it together make a room name. */
export const MAX_USER_ID_LENGTH = 128;

/** Room of every connection. Publishing here is broadcasting. */
export const EVERYBODY = '@all';

const USER_ROOM_PREFIX = '@user:';

/** C0 and C1 controls, and the two separators that end a line in logs and in JavaScript. */
// oxlint-disable-next-line no-control-regex -- finding control characters is what it is for
const UNPRINTABLE = /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/;

/** True for text of 1 to `max` characters without control characters and lone surrogates. */
export function isPrintable(value: unknown, max: number): value is string {
  return (
    typeof value === 'string' &&
    value.length > 0 &&
    value.length <= max &&
    !UNPRINTABLE.test(value) &&
    value.isWellFormed()
  );
}

/** Room of all connections of one user. */
export function userRoom(userId: string): string {
  return USER_ROOM_PREFIX + userId;
}

/** The user whose room this is, or undefined for any other room. */
export function userOfRoom(room: string): string | undefined {
  return room.startsWith(USER_ROOM_PREFIX) ? room.slice(USER_ROOM_PREFIX.length) : undefined;
}

/** Names that start with `@` belong to the server: `@all`, `@user:<id>`. */
export function isReservedRoom(room: string): boolean {
  return room.startsWith('@');
}

/**
 * Returns the name if it is one.
 *
 * @throws ProtocolError `ROOM_NAME_INVALID`
 */
export function parseRoomName(value: unknown): string {
  if (!isPrintable(value, MAX_ROOM_NAME_LENGTH)) {
    throw new ProtocolError('ROOM_NAME_INVALID', {
      field: 'room',
      rule: `1 to ${MAX_ROOM_NAME_LENGTH} characters, no control characters`,
    });
  }
  if (isReservedRoom(value) && value !== EVERYBODY && !isPrintable(userOfRoom(value), MAX_USER_ID_LENGTH)) {
    throw new ProtocolError('ROOM_NAME_INVALID', { field: 'room', rule: 'names with @ first are the server’s' });
  }
  return value;
}
