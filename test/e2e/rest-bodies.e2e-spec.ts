import { gzipSync } from 'node:zlib';

import { join } from '../support/client.js';
import { PLATFORMS } from '../support/platforms.js';
import { exchange, type RawAnswer } from '../support/raw-socket.js';
import { tokenFor, type TestServer } from '../support/server.js';

const BODY = '{"data":"hello"}';
const JSON_TYPE = { 'Content-Type': 'application/json' };
/** Words that no answer may repeat. */
const SECRET = 'secretStuff';

interface Call {
  readonly method?: string;
  readonly path?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Buffer;
}

/** A call with just the headers that it names. */
function call(server: TestServer, { method = 'POST', path, headers = {}, body = '' }: Call): Promise<RawAnswer> {
  const all = { Host: 'x', Connection: 'close', Authorization: `Bearer ${tokenFor()}`, ...headers };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}`);
  const length = body.length === 0 ? [] : [`Content-Length: ${Buffer.byteLength(body)}`];
  const head = `${method} ${path ?? '/api/rooms/general/messages'} HTTP/1.1`;
  return exchange(
    server,
    Buffer.concat([Buffer.from([head, ...lines, ...length, '', ''].join('\r\n')), Buffer.from(body)]),
  );
}

interface Outcome {
  readonly status: number;
  readonly code: string;
  readonly field: string | undefined;
}

/** What a call is told; fails when the answer does not say anything, or repeats what was sent. */
async function outcomeOf(server: TestServer, asked: Call): Promise<Outcome> {
  const { status, body } = await call(server, asked);
  expect(body).not.toContain(SECRET);
  const { code, message, details } = JSON.parse(body) as {
    readonly code: string;
    readonly message: string;
    readonly details?: { readonly field: string; readonly rule: string };
  };
  expect(message).toMatch(/\w+/);
  if (details !== undefined) expect(details.rule).toMatch(/\w+/);
  return { status, code, field: details?.field };
}

const BROKEN = { status: 400, code: 'INVALID_PAYLOAD', field: 'body' };
const OTHER_TYPE = { status: 415, code: 'UNSUPPORTED_MEDIA_TYPE', field: 'content-type' };
const OTHER_ENCODING = { status: 415, code: 'UNSUPPORTED_MEDIA_TYPE', field: 'content-encoding' };
const NOTHING = { status: 404, code: 'NOT_FOUND', field: undefined };

describe.each(PLATFORMS)('a REST call on %s', (_platform, start) => {
  it.each<[string, Call, Outcome]>([
    ['a body that breaks off', { headers: JSON_TYPE, body: `{"data":${SECRET}` }, BROKEN],
    ['a body that is no object', { headers: JSON_TYPE, body: `"${SECRET}"` }, BROKEN],
    ['a body of null', { headers: JSON_TYPE, body: 'null' }, BROKEN],
    ['a list', { headers: JSON_TYPE, body: `["${SECRET}"]` }, BROKEN],
    ['no body', {}, BROKEN],
    ['no body but its type', { headers: JSON_TYPE }, BROKEN],
    ['a body without a type', { body: BODY }, OTHER_TYPE],
    ['a form', { headers: { 'Content-Type': 'application/x-www-form-urlencoded' }, body: BODY }, OTHER_TYPE],
    ['plain text', { headers: { 'Content-Type': 'text/plain' }, body: BODY }, OTHER_TYPE],
    ['a type that is none', { headers: { 'Content-Type': SECRET }, body: BODY }, OTHER_TYPE],
    ['another charset', { headers: { 'Content-Type': 'application/json; charset=latin1' }, body: BODY }, OTHER_TYPE],
    ['an unknown encoding', { headers: { ...JSON_TYPE, 'Content-Encoding': 'rot13' }, body: SECRET }, OTHER_ENCODING],
    ['another path', { path: `/api/${SECRET}`, headers: JSON_TYPE, body: BODY }, NOTHING],
    ['another method', { method: 'PUT', headers: JSON_TYPE, body: BODY }, NOTHING],
    ['a method that nothing has', { method: 'PATCH', path: '/api/broadcast', headers: JSON_TYPE, body: BODY }, NOTHING],
  ])('is told what is wrong with %s', async (_what, asked, outcome) => {
    expect(await outcomeOf(await start(), asked)).toEqual(outcome);
  });

  it.each(['application/json', 'application/json; charset=utf-8', 'Application/JSON;charset="UTF-8"'])(
    'is read as %s',
    async (type) => {
      const server = await start();
      const client = await join(server, { claims: { sub: 'bob' } }, 'general');

      expect((await call(server, { headers: { 'Content-Type': type }, body: BODY })).status).toBe(200);
      expect((await client.next('room:message')).payload.data).toBe('hello');
    },
  );

  it('with a compressed body is read, or told that this is not supported', async () => {
    const headers = { ...JSON_TYPE, 'Content-Encoding': 'gzip' };
    const { status, body } = await call(await start(), { headers, body: gzipSync(BODY) });

    expect([200, 415]).toContain(status);
    if (status === 415) expect(body).toContain('content-encoding');
  });

  it('without a token gets the code of an upgrade without one, and asks for one', async () => {
    const server = await start();
    for (const [method, path] of [
      ['POST', '/api/broadcast'],
      ['POST', '/api/tickets'],
      ['GET', '/api/rooms'],
      ['GET', '/api/rooms/general/messages'],
    ] as const) {
      for (const Authorization of ['', 'Basic YWxpY2U6c2VjcmV0']) {
        const { status, headers, body } = await call(server, { method, path, headers: { Authorization } });
        expect([path, status, JSON.parse(body)]).toEqual([
          path,
          401,
          { code: 'TOKEN_MISSING', message: 'A token is required' },
        ]);
        expect(headers['www-authenticate']).toBe('Bearer');
      }
    }
    expect(await outcomeOf(server, { headers: { Authorization: 'Bearer nonsense' } })).toMatchObject({
      status: 401,
      code: 'TOKEN_INVALID',
    });
  });
});
