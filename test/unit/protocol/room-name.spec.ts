import * as fc from 'fast-check';

import { ProtocolError } from '../../../src/protocol/errors.js';
import {
  EVERYBODY,
  MAX_ROOM_NAME_LENGTH,
  MAX_USER_ID_LENGTH,
  isReservedRoom,
  parseRoomName,
  userOfRoom,
  userRoom,
} from '../../../src/protocol/room-name.js';

/** What becomes of a value that is offered as a name, in a word; anything unforeseen is told as it is. */
function verdictOn(value: unknown): string {
  try {
    return parseRoomName(value) === value ? 'as it came' : 'changed';
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    const { code, details = {} } = error.toPayload();
    return `${code}: ${Object.keys(details).join()}` === 'ROOM_NAME_INVALID: field,rule'
      ? 'refused'
      : JSON.stringify(error);
  }
}

describe('parseRoomName', () => {
  it.each([
    'general',
    ' ',
    'chat:42',
    'Ñandú 🦤',
    'constructor',
    '__proto__',
    'a@b',
    EVERYBODY,
    '@user:alice',
    `@user:${'u'.repeat(MAX_USER_ID_LENGTH)}`,
    'x'.repeat(MAX_ROOM_NAME_LENGTH),
  ])('takes %j', (name) => {
    expect(parseRoomName(name)).toBe(name);
  });

  it.each([
    ['nothing', undefined],
    ['null', null],
    ['a number', 7],
    ['a list', ['general']],
    ['an object', { room: 'general' }],
    ['an empty text', ''],
    ['one character too many', 'x'.repeat(MAX_ROOM_NAME_LENGTH + 1)],
    ['a line end', 'a\nb'],
    ['a NUL', 'a\u0000'],
    ['a C1 control', 'a\u0085'],
    ['a DEL', 'a\u007f'],
    ['a line separator', 'a\u2028b'],
    ['a lone surrogate', 'a\ud800'],
    ['an unknown reserved name', '@everyone'],
    ['a reserved name in other letters', '@All'],
    ['no user', '@user:'],
    ['too long a user', `@user:${'u'.repeat(MAX_USER_ID_LENGTH + 1)}`],
  ])('refuses %s', (_what, value) => {
    expect(() => parseRoomName(value)).toThrow(expect.objectContaining({ code: 'ROOM_NAME_INVALID' }));
  });

  it('either gives the name back as it came, or throws ROOM_NAME_INVALID and echoes nothing', () => {
    const names = fc.oneof(fc.string({ unit: 'binary', maxLength: 210 }), fc.jsonValue());
    fc.assert(fc.property(names, (value) => expect(['as it came', 'refused']).toContain(verdictOn(value))));
  });
});

describe('the room of a user', () => {
  it('is found by the user, and the user by the room', () => {
    expect(userRoom('alice')).toBe('@user:alice');
    expect(userOfRoom('@user:alice')).toBe('alice');
    expect(userOfRoom('@all')).toBeUndefined();
    expect(userOfRoom('x@user:alice')).toBeUndefined();
  });

  it('is reserved, as is everybody’s', () => {
    expect([userRoom('alice'), EVERYBODY, 'general', 'a@b'].map(isReservedRoom)).toStrictEqual([
      true,
      true,
      false,
      false,
    ]);
  });
});
