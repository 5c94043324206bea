import { ProtocolError } from '../../../src/protocol/errors.js';
import {
  MAX_DATA_DEPTH,
  deeperThan,
  parseBroadcast,
  parseHistory,
  parseJoin,
  parsePublish,
  parseReceipt,
  parseRefresh,
  parseRoomRef,
  parseUserMessage,
} from '../../../src/protocol/payloads.js';

/** JSON nested so many levels deep, as it comes off the wire. */
function nested(levels: number, opening: string, closing: string): unknown {
  const innermost = opening.endsWith(':') ? '1' : '';
  return JSON.parse(opening.repeat(levels) + innermost + closing.repeat(levels));
}

function refusalOf(parse: () => unknown): { code: string; field: unknown } {
  try {
    parse();
  } catch (error) {
    if (error instanceof ProtocolError) return { code: error.code, field: error.details?.['field'] };
    throw error;
  }
  throw new Error('it was taken');
}

const invalid = (field: string) => ({ code: 'INVALID_PAYLOAD', field });
const badRoom = { code: 'ROOM_NAME_INVALID', field: 'room' };

describe('the payload of join', () => {
  it('is a name, or an object with a name and a position', () => {
    const recover = { epoch: 'e.1', offset: 0 };
    expect(parseJoin('general')).toStrictEqual({ room: 'general' });
    expect(parseJoin({ room: 'general', more: 1 })).toStrictEqual({ room: 'general' });
    expect(parseJoin({ room: 'general', recover: { ...recover, more: 1 } })).toStrictEqual({
      room: 'general',
      recover,
    });
  });

  it('may name many rooms, each of which fails by itself', () => {
    const request = parseJoin({ rooms: ['a', { room: 'b', recover: 'last' }, '', 7, { room: 'c', recover: {} }] });
    const outcomes = 'rooms' in request ? request.rooms : [];
    expect(outcomes.slice(0, 2)).toStrictEqual([{ room: 'a' }, { room: 'b', recover: 'last' }]);
    const refusals = outcomes.slice(2).map((outcome) => (outcome instanceof ProtocolError ? outcome.details : outcome));
    expect(refusals).toMatchObject([{ field: 'room' }, { field: 'rooms' }, { field: 'recover.epoch' }]);
  });

  it('may name the position that was acknowledged last', () => {
    expect(parseJoin({ room: 'general', recover: 'last' })).toStrictEqual({ room: 'general', recover: 'last' });
    expect(refusalOf(() => parseJoin({ room: 'general', recover: 'first' }))).toStrictEqual(invalid('recover.epoch'));
  });

  it.each([
    [undefined, invalid('payload')],
    [null, invalid('payload')],
    [7, invalid('payload')],
    [['general'], invalid('payload')],
    [{ rooms: [] }, invalid('rooms')],
    [{ rooms: 'general' }, invalid('rooms')],
    [{ rooms: Array.from({ length: 1001 }, () => 'general') }, invalid('rooms')],
    ['', badRoom],
    [{}, badRoom],
    [{ room: 'a', recover: null }, invalid('recover.epoch')],
    [{ room: 'a', recover: { offset: 1 } }, invalid('recover.epoch')],
    [{ room: 'a', recover: { epoch: 'e'.repeat(65), offset: 1 } }, invalid('recover.epoch')],
    [{ room: 'a', recover: { epoch: 'e\n', offset: 1 } }, invalid('recover.epoch')],
    [{ room: 'a', recover: { epoch: 'e', offset: -1 } }, invalid('recover.offset')],
    [{ room: 'a', recover: { epoch: 'e', offset: 1.5 } }, invalid('recover.offset')],
    [{ room: 'a', recover: { epoch: 'e', offset: '1' } }, invalid('recover.offset')],
    [{ room: 'a', recover: { epoch: 'e', offset: 2 ** 53 } }, invalid('recover.offset')],
  ])('%j is refused', (payload, refusal) => {
    expect(refusalOf(() => parseJoin(payload))).toStrictEqual(refusal);
  });
});

describe('the payload of leave and presence', () => {
  it('is a name, by itself or in an object', () => {
    expect(parseRoomRef('general')).toBe('general');
    expect(parseRoomRef({ room: 'general' })).toBe('general');
    expect(refusalOf(() => parseRoomRef({ room: 7 }))).toStrictEqual(badRoom);
    expect(refusalOf(() => parseRoomRef(undefined))).toStrictEqual(invalid('payload'));
  });
});

describe('the payload of room:message', () => {
  it('has a room and data, and may have an id and be volatile', () => {
    const whole = { room: 'general', data: { text: 'hi' }, id: 'm1', volatile: true };
    expect(parsePublish({ ...whole, more: 1 })).toStrictEqual(whole);
    expect(parsePublish({ room: 'general', data: 0, volatile: false })).toStrictEqual({ room: 'general', data: 0 });
  });

  it.each([null, false, 0, '', [], {}])('takes %j as data', (data) => {
    expect(parsePublish({ room: 'general', data })).toStrictEqual({ room: 'general', data });
  });

  it.each([
    [{ data: 1 }, badRoom],
    [{ room: 'a' }, invalid('data')],
    [{ room: 'a', data: 1, id: '' }, invalid('id')],
    [{ room: 'a', data: 1, id: null }, invalid('id')],
    [{ room: 'a', data: 1, id: 'i'.repeat(129) }, invalid('id')],
    [{ room: 'a', data: 1, id: 'a\nb' }, invalid('id')],
    [{ room: 'a', data: 1, volatile: 'yes' }, invalid('volatile')],
    [{ room: 'a', data: 1, volatile: null }, invalid('volatile')],
  ])('%j is refused', (payload, refusal) => {
    expect(refusalOf(() => parsePublish(payload))).toStrictEqual(refusal);
  });

  it('may ask for confirmation within a bounded time, where there is a position to confirm', () => {
    const whole = { room: 'general', data: 1, confirm: { timeoutMs: 60_000 } };
    expect(parsePublish({ ...whole, confirm: { timeoutMs: 60_000, more: 1 } })).toStrictEqual(whole);
    expect(parseBroadcast({ data: 1, confirm: { timeoutMs: 1 } })).toHaveProperty('confirm', { timeoutMs: 1 });
    expect(parsePublish({ ...whole, volatile: false })).toStrictEqual(whole);
    expect(refusalOf(() => parsePublish({ ...whole, volatile: true }))).toStrictEqual(invalid('confirm'));
    expect(refusalOf(() => parsePublish({ ...whole, confirm: 1000 }))).toStrictEqual(invalid('confirm'));
    for (const timeoutMs of [undefined, 0, 60_001, '1000', null]) {
      const refusal = refusalOf(() => parsePublish({ ...whole, confirm: { timeoutMs } }));
      expect(refusal).toStrictEqual(invalid('confirm.timeoutMs'));
    }
  });

  it.each([
    ['lists', '[', ']'],
    ['objects', '{"a":', '}'],
  ])('bounds the nesting of %s', (_what, opening, closing) => {
    const data = nested(MAX_DATA_DEPTH, opening, closing);
    expect(parsePublish({ room: 'a', data })).toStrictEqual({ room: 'a', data });
    const deeper = { room: 'a', data: nested(MAX_DATA_DEPTH + 1, opening, closing) };
    expect(refusalOf(() => parsePublish(deeper))).toStrictEqual(invalid('data'));
  });

  it.each([
    '1e999',
    '-1e999',
    `1${'0'.repeat(309)}`,
    `${'9'.repeat(250)}e99`,
    '[0,[{"a":{"b":[1,2,1E+400]}}]]',
    '{"a":1e999,"b":null}',
  ])('has no number that a double cannot hold: %s', (text) => {
    const data: unknown = JSON.parse(text);
    expect(refusalOf(() => parsePublish({ room: 'a', data }))).toStrictEqual(invalid('data'));
    expect(refusalOf(() => parseBroadcast({ data }))).toStrictEqual(invalid('data'));
    expect(refusalOf(() => parseUserMessage({ userId: 'bob', data }))).toStrictEqual(invalid('data'));
  });

  it.each(['1.7976931348623157e308', '-1.7976931348623157e308', '5e-324', '1e-999', `0.${'0'.repeat(400)}1e400`])(
    'may have the number %s, however long or small',
    (text) => {
      const data: unknown = JSON.parse(text);
      expect(parsePublish({ room: 'a', data })).toStrictEqual({ room: 'a', data });
    },
  );

  it('is found to be deep behind a number that is too large', () => {
    const data = [Infinity, nested(MAX_DATA_DEPTH, '[', ']')];
    expect(deeperThan(data, MAX_DATA_DEPTH)).toBe(true);
    expect(deeperThan([Infinity], MAX_DATA_DEPTH)).toBe(false);
  });

  it('is not brought down by nesting that fills a message', () => {
    const payload = { room: 'a', data: nested(5000, '[', ']') };
    expect(refusalOf(() => parsePublish(payload))).toStrictEqual(invalid('data'));
  });
});

describe('the payload of broadcast', () => {
  it('goes to everybody without a room, and is room:message with one', () => {
    expect(parseBroadcast({ data: 1 })).toStrictEqual({ room: '@all', data: 1 });
    expect(parseBroadcast({ room: 'general', data: 1, id: 'm1' })).toStrictEqual({
      room: 'general',
      data: 1,
      id: 'm1',
    });
    expect(refusalOf(() => parseBroadcast({ room: null, data: 1 }))).toStrictEqual(badRoom);
    expect(refusalOf(() => parseBroadcast({}))).toStrictEqual(invalid('data'));
    expect(refusalOf(() => parseBroadcast('hello'))).toStrictEqual(invalid('payload'));
  });
});

describe('the payload of user:message', () => {
  it('has a user and data, and may have an id', () => {
    const whole = { userId: 'bob', data: 1, id: 'm1' };
    expect(parseUserMessage({ ...whole, volatile: true })).toStrictEqual(whole);
    expect(refusalOf(() => parseUserMessage({ data: 1 }))).toStrictEqual(invalid('userId'));
    expect(refusalOf(() => parseUserMessage({ userId: 'b'.repeat(129), data: 1 }))).toStrictEqual(invalid('userId'));
    expect(refusalOf(() => parseUserMessage({ userId: 7, data: 1 }))).toStrictEqual(invalid('userId'));
    expect(refusalOf(() => parseUserMessage({ userId: 'bob' }))).toStrictEqual(invalid('data'));
  });
});

describe('the payload of history', () => {
  it('has a room, and may have a position and a limit', () => {
    const whole = { room: 'general', after: { epoch: 'e', offset: 3 }, limit: 10 };
    expect(parseHistory({ ...whole, more: 1 })).toStrictEqual(whole);
    expect(parseHistory({ room: 'general' })).toStrictEqual({ room: 'general' });
    expect(refusalOf(() => parseHistory({ room: 'general', after: 3 }))).toStrictEqual(invalid('after.epoch'));
    expect(refusalOf(() => parseHistory('general'))).toStrictEqual(invalid('payload'));
  });

  it.each([0, -1, 1.5, '10', null])('takes no limit of %j', (limit) => {
    expect(refusalOf(() => parseHistory({ room: 'general', limit }))).toStrictEqual(invalid('limit'));
  });
});

describe('the payload of ack', () => {
  it('has a room and a position in it', () => {
    const whole = { room: 'general', epoch: 'e', offset: 3 };
    expect(parseReceipt({ ...whole, more: 1 })).toStrictEqual(whole);
    expect(refusalOf(() => parseReceipt({ epoch: 'e', offset: 3 }))).toStrictEqual(badRoom);
    expect(refusalOf(() => parseReceipt({ room: 'general', offset: 3 }))).toStrictEqual(invalid('epoch'));
    expect(refusalOf(() => parseReceipt({ ...whole, offset: -1 }))).toStrictEqual(invalid('offset'));
    expect(refusalOf(() => parseReceipt('general'))).toStrictEqual(invalid('payload'));
  });
});

describe('the payload of auth:refresh', () => {
  it('has a token of bounded length', () => {
    expect(parseRefresh({ token: 'x', more: 1 })).toStrictEqual({ token: 'x' });
    for (const token of [undefined, '', 7, 'x'.repeat(16_385)]) {
      expect(refusalOf(() => parseRefresh({ token }))).toStrictEqual(invalid('token'));
    }
  });
});
