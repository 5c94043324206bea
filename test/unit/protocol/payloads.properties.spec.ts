import * as fc from 'fast-check';

import { ProtocolError } from '../../../src/protocol/errors.js';
import {
  parseBroadcast,
  parseHistory,
  parseJoin,
  parsePublish,
  parseReceipt,
  parseRefresh,
  parseRoomRef,
  parseUserMessage,
} from '../../../src/protocol/payloads.js';

/** Each reader of payloads with the fields that it may hand on. */
const READERS: readonly (readonly [string, (payload: unknown) => object, readonly string[]])[] = [
  ['join', parseJoin, ['room', 'recover', 'rooms']],
  ['leave', (payload) => ({ room: parseRoomRef(payload) }), ['room']],
  ['room:message', parsePublish, ['room', 'data', 'id', 'volatile', 'confirm']],
  ['broadcast', parseBroadcast, ['room', 'data', 'id', 'volatile', 'confirm']],
  ['user:message', parseUserMessage, ['userId', 'data', 'id']],
  ['history', parseHistory, ['room', 'after', 'limit']],
  ['ack', parseReceipt, ['room', 'epoch', 'offset']],
  ['auth:refresh', parseRefresh, ['token']],
];

const mostly = <T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<unknown> =>
  fc.oneof({ arbitrary, weight: 8 }, { arbitrary: fc.jsonValue(), weight: 1 });

const text = fc.string({ minLength: 1, maxLength: 20 });
const position = fc.record({ epoch: mostly(text), offset: mostly(fc.nat()) }, { requiredKeys: [] });

/** Payloads that are right in most places, with fields that nobody asked for. */
const nearlyRight = fc.record(
  {
    room: mostly(text),
    rooms: fc.oneof(fc.constant(undefined), fc.array(mostly(text))),
    recover: mostly(fc.oneof(position, fc.constant('last'))),
    after: mostly(position),
    data: fc.jsonValue(),
    id: mostly(text),
    volatile: mostly(fc.boolean()),
    confirm: mostly(fc.record({ timeoutMs: mostly(fc.integer({ min: 1, max: 60_000 })) })),
    epoch: mostly(text),
    offset: mostly(fc.nat()),
    userId: mostly(text),
    limit: mostly(fc.integer({ min: 1, max: 1000 })),
    token: mostly(text),
    extra: fc.jsonValue(),
    constructor: fc.jsonValue(),
    ['__proto__']: fc.jsonValue(),
  },
  { requiredKeys: [] },
);

/** As it comes off the wire, own fields named `__proto__` included. */
const payloads = fc.oneof(nearlyRight, fc.jsonValue()).map((value): unknown => JSON.parse(JSON.stringify(value)));

/** What becomes of a payload: the names of the fields that were taken from it, or the code by which it is refused. */
function verdictOn(read: (payload: unknown) => object, payload: unknown): string | readonly string[] {
  try {
    return Object.getOwnPropertyNames(read(payload));
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    const { code, details = {} } = error.toPayload();
    return `${code}: ${Object.keys(details).join()}`;
  }
}

const REFUSED = /^(?:INVALID_PAYLOAD|ROOM_NAME_INVALID): field,rule$/;

describe.each(READERS)('the reader of %s payloads', (_type, read, known) => {
  it('throws nothing but ProtocolError, with the field and the rule, and returns known fields only', () => {
    let taken = 0;
    fc.assert(
      fc.property(payloads, (payload) => {
        const verdict = verdictOn(read, payload);
        if (typeof verdict === 'string') return REFUSED.test(verdict);
        taken += 1;
        return verdict.every((field) => known.includes(field));
      }),
      { numRuns: 1000 },
    );
    // A reader that refuses everything would pass otherwise.
    expect(taken).toBeGreaterThan(0);
  });
});
