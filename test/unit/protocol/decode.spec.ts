import * as fc from 'fast-check';

import { EnvelopeError, decodeEnvelope } from '../../../src/protocol/decode.js';
import type { Envelope } from '../../../src/protocol/envelope.js';

/** What decoding a text comes to: the envelope, or the error by which it is refused. */
function outcomeOf(text: string): Envelope | EnvelopeError {
  try {
    return decodeEnvelope(text);
  } catch (error) {
    if (error instanceof EnvelopeError) return error;
    throw error;
  }
}

function refusalOf(text: string): EnvelopeError {
  const outcome = outcomeOf(text);
  if (!(outcome instanceof EnvelopeError)) throw new Error(`${text} was taken`);
  return outcome;
}

/** What becomes of a text, in a word; anything unforeseen is told as it is. */
function verdictOn(text: string): string {
  const outcome = outcomeOf(text);
  if (!(outcome instanceof EnvelopeError)) return typeof outcome.type === 'string' ? 'taken' : 'taken without a type';
  const { message, details: { field = 'message' } = {} } = outcome.toPayload();
  return message === 'Invalid message format' && /^(?:message|type|requestId)$/.test(String(field))
    ? 'refused'
    : message;
}

describe('decodeEnvelope', () => {
  it('reads type, payload and requestId', () => {
    const envelope = { type: 'join', payload: { room: 'general' }, requestId: 'r1' };
    expect(decodeEnvelope(JSON.stringify(envelope))).toStrictEqual(envelope);
    expect(decodeEnvelope('{"type":"ping"}')).toStrictEqual({ type: 'ping' });
  });

  it.each(['', 'hello', '{', '{"type":"ping"', '{"type":"ping"}}', 'undefined', "{'type':'ping'}", '\u0000'])(
    'refuses %j, which is not JSON, with the text that older clients know',
    (text) => {
      expect(refusalOf(text).toPayload()).toStrictEqual({
        code: 'INVALID_MESSAGE',
        message: 'Invalid message format',
      });
    },
  );

  it.each(['null', '7', '"ping"', 'true', '[]', '[{"type":"ping"}]'])('refuses %s, which is no object', (text) => {
    expect(refusalOf(text).details).toStrictEqual({ field: 'message', rule: 'must be a JSON object' });
  });

  it.each(['{}', '{"type":7}', '{"type":""}', '{"type":null}', '{"Type":"ping"}', `{"type":"${'t'.repeat(129)}"}`])(
    'refuses %s for its type',
    (text) => {
      expect(refusalOf(text).details).toMatchObject({ field: 'type' });
    },
  );

  it.each(['7', '""', 'null', '{}', `"${'r'.repeat(129)}"`])('refuses the requestId %s', (requestId) => {
    const refusal = refusalOf(`{"type":"ping","requestId":${requestId}}`);
    expect(refusal.details).toMatchObject({ field: 'requestId' });
    expect(refusal.requestId).toBeUndefined();
  });

  it('takes types and requestIds of 1 and of 128 characters', () => {
    for (const text of ['x', 'x'.repeat(128)]) {
      expect(decodeEnvelope(JSON.stringify({ type: text, requestId: text })).requestId).toBe(text);
    }
  });

  it('hands on the requestId of a message without a type, so that its sender gets an answer', () => {
    expect(refusalOf('{"requestId":"r1"}').requestId).toBe('r1');
  });

  it('lets a message change no prototype', () => {
    decodeEnvelope('{"type":"ping","__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}}}');
    expect({}).not.toHaveProperty('polluted');
  });

  it('does not take a type from a prototype that the message brings', () => {
    expect(refusalOf('{"__proto__":{"type":"ping"}}').details).toMatchObject({ field: 'type' });
  });

  it('throws nothing but EnvelopeError on any text, and never echoes it', () => {
    const texts = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.json(),
      fc.jsonValue().map((value) => `{"type":${JSON.stringify(value)}}`),
    );
    fc.assert(
      fc.property(texts, (text) => expect(['taken', 'refused']).toContain(verdictOn(text))),
      { numRuns: 1000 },
    );
  });

  it('gives every valid envelope back as it was', () => {
    const short = fc.string({ minLength: 1, maxLength: 128 });
    const envelopes = fc.record(
      { type: short, payload: fc.jsonValue({ noUnicodeString: false }), requestId: short },
      { requiredKeys: ['type'], noNullPrototype: true },
    );
    fc.assert(
      fc.property(envelopes, (envelope) => {
        const text = JSON.stringify(envelope);
        expect(decodeEnvelope(text)).toStrictEqual(JSON.parse(text));
      }),
    );
  });
});
