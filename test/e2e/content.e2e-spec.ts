import { join, type TestClient } from '../support/client.js';
import { startServer } from '../support/server.js';

/** Sends a frame's text as it is; the reply carries `requestId` "raw" where that much can be read. */
async function replyTo(client: TestClient, text: string): Promise<{ type: string; payload: unknown }> {
  client.sendRaw(text);
  const reply = await client.nextWhere(({ type, requestId }) => requestId === 'raw' || type === 'error', 'the reply');
  await client.settle();
  expect(client.queue).toEqual([]);
  return { type: reply.type, payload: reply.payload as unknown };
}

const publish = (data: string): string =>
  `{"type":"room:message","requestId":"raw","payload":{"room":"general","data":${data}}}`;
const twice = (first: string, last: string): string =>
  `{"type":"join","type":"room:message","requestId":"raw","payload":{"room":"${first}","data":1,"room":"${last}"}}`;
const nested = (open: string, close: string, depth: number): string => `${open.repeat(depth)}1${close.repeat(depth)}`;

describe('the data of a message', () => {
  it.each([
    ['a key __proto__', '{"__proto__":{"polluted":true},"a":1}'],
    ['a key constructor', '{"constructor":{"prototype":{"polluted":true}}}'],
    ['keys of Object.prototype', '{"toString":1,"hasOwnProperty":2,"then":3,"toJSON":4}'],
    ['numbers at the edge', '[-0,1e-300,9007199254740993,0.1]'],
    ['separators of lines', '"a\\u2028b\\u2029c\\u0000d\\u001b[31m"'],
    ['nothing but null', 'null'],
    ['100 levels', nested('[', ']', 100)],
  ])('comes out as it went in: %s', async (_what, data) => {
    const server = await startServer();
    const alice = await join(server, {}, 'general');
    const bob = await join(server, { claims: { sub: 'bob' } }, 'general');
    expect((await replyTo(alice, publish(data))).type).toBe('ack');

    expect(JSON.stringify((await bob.next('room:message')).payload.data)).toBe(JSON.stringify(JSON.parse(data)));
    const history = await bob.request('history', { room: 'general' });
    expect(JSON.stringify(history.payload.messages[0].data)).toBe(JSON.stringify(JSON.parse(data)));
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
  });

  it('may hold lone surrogates: they go out escaped, as valid UTF-8', async () => {
    const server = await startServer();
    const alice = await join(server, {}, 'general');
    const bob = await join(server, { claims: { sub: 'bob' } }, 'general');
    await replyTo(alice, publish('{"\\ud800":"\\udfff"}'));

    expect((await bob.next('room:message')).payload.data).toEqual({ '\ud800': '\udfff' });
  });

  it.each(['1e999', '[1,{"a":-1e999}]', `1${'0'.repeat(400)}`])(
    'is refused with a number that would come out as null: %s',
    async (data) => {
      const server = await startServer();
      const client = await join(server, {}, 'general');

      expect(await replyTo(client, publish(data))).toMatchObject({
        type: 'error',
        payload: {
          code: 'INVALID_PAYLOAD',
          details: { field: 'data', rule: expect.stringMatching(/double/) as string },
        },
      });
    },
  );

  it.each([
    ['lists', nested('[', ']', 101)],
    ['objects', nested('{"a":', '}', 101)],
    ['100,000 lists', nested('[', ']', 100_000)],
    ['80,000 objects', nested('{"a":', '}', 80_000)],
  ])('is refused beyond 100 levels: %s', async (_what, data) => {
    const server = await startServer();
    const client = await join(server, {}, 'general');

    expect(await replyTo(client, publish(data))).toMatchObject({
      type: 'error',
      payload: { code: 'INVALID_PAYLOAD', details: { field: 'data' } },
    });
  });
});

describe('an envelope', () => {
  it('counts the last of two equal keys, everywhere alike', async () => {
    const server = await startServer();
    const claims = { rooms: ['mine'] };
    const client = await join(server, { claims }, 'mine');
    expect((await replyTo(client, twice('foreign', 'mine'))).payload).toMatchObject({ room: 'mine' });
    expect((await replyTo(client, twice('mine', 'foreign'))).payload).toMatchObject({ code: 'FORBIDDEN' });
  });

  it.each([
    ['no JSON', 'secret-stuff', 'INVALID_MESSAGE'],
    ['JSON cut off', '{"type":"secret-stuff', 'INVALID_MESSAGE'],
    ['no object', '["secret-stuff"]', 'INVALID_MESSAGE'],
    ['no type', '{"payload":"secret-stuff","requestId":"raw"}', 'INVALID_MESSAGE'],
    ['a type that is an object', '{"type":{"secret-stuff":1},"requestId":"raw"}', 'INVALID_MESSAGE'],
    ['a type of 129 characters', `{"type":"secret-stuff${'x'.repeat(117)}","requestId":"raw"}`, 'INVALID_MESSAGE'],
    ['a requestId that is an object', '{"type":"ping","requestId":{"secret-stuff":1}}', 'INVALID_MESSAGE'],
    ['an empty requestId', '{"type":"secret-stuff","requestId":""}', 'INVALID_MESSAGE'],
    ['an unknown type', '{"type":"secret-stuff","requestId":"raw"}', 'UNKNOWN_TYPE'],
    ['the type __proto__', '{"type":"__proto__","requestId":"raw","payload":"secret-stuff"}', 'UNKNOWN_TYPE'],
    ['the type constructor', '{"type":"constructor","requestId":"raw","payload":"secret-stuff"}', 'UNKNOWN_TYPE'],
    ['its fields in __proto__', '{"__proto__":{"type":"ping","requestId":"secret-stuff"}}', 'INVALID_MESSAGE'],
    [
      'a room in __proto__',
      '{"type":"join","requestId":"raw","payload":{"__proto__":{"room":"secret-stuff"}}}',
      'ROOM_NAME_INVALID',
    ],
    [
      'a room that is a list',
      '{"type":"join","requestId":"raw","payload":{"room":["secret-stuff"]}}',
      'ROOM_NAME_INVALID',
    ],
    ['a room with a line break', '{"type":"join","requestId":"raw","payload":"secret-stuff\\n"}', 'ROOM_NAME_INVALID'],
    ['a room with U+2028', '{"type":"join","requestId":"raw","payload":"secret-stuff\\u2028"}', 'ROOM_NAME_INVALID'],
    [
      'a room with a lone surrogate',
      '{"type":"join","requestId":"raw","payload":"secret-stuff\\ud800"}',
      'ROOM_NAME_INVALID',
    ],
    ['a room with @ first', '{"type":"join","requestId":"raw","payload":"@secret-stuff"}', 'ROOM_NAME_INVALID'],
    [
      'a room of 201 characters',
      `{"type":"join","requestId":"raw","payload":"secret-stuff${'x'.repeat(189)}"}`,
      'ROOM_NAME_INVALID',
    ],
    [
      'an id with a lone surrogate',
      '{"type":"room:message","requestId":"raw","payload":{"room":"general","data":1,"id":"secret-stuff\\ud800"}}',
      'INVALID_PAYLOAD',
    ],
    [
      'a payload that is a list',
      '{"type":"room:message","requestId":"raw","payload":["secret-stuff"]}',
      'INVALID_PAYLOAD',
    ],
    ['no data', '{"type":"room:message","requestId":"raw","payload":{"room":"secret-stuff"}}', 'INVALID_PAYLOAD'],
    ['a foreign room', '{"type":"join","requestId":"raw","payload":"foreign-secret-stuff"}', 'FORBIDDEN'],
  ])('with %s gets an error with a code, and no echo', async (_what, text, code) => {
    const server = await startServer();
    const client = await join(server, { claims: { rooms: ['general', 'secret*'] } }, 'general');
    const { type, payload } = await replyTo(client, text);

    expect({ type, payload }).toMatchObject({ type: 'error', payload: { code } });
    expect(JSON.stringify(payload)).not.toContain('secret-stuff');
    expect(JSON.stringify(payload)).not.toMatch(/\bat \S+:\d+/);
  });
});
