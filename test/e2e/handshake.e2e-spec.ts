import { connect, join, RefusedError } from '../support/client.js';
import { eventually } from '../support/eventually.js';
import { ORIGIN, OTHER_ORIGINS } from '../support/origins.js';
import { exchange, handshake, openSocket, type HandshakeChanges, type RawAnswer } from '../support/raw-socket.js';
import { startServer, tokenFor, type TestServer } from '../support/server.js';

function bodyOf({ body }: RawAnswer): { code: string; message: string } {
  return JSON.parse(body) as { code: string; message: string };
}

/** The refusal that an upgrade gets; fails when it is let in. */
async function refusal(server: TestServer, changes: HandshakeChanges): Promise<{ status: number; code: string }> {
  const answer = await exchange(server, handshake(changes));
  const { code, message } = bodyOf(answer);
  expect(message).not.toBe('');
  return { status: answer.status, code };
}

describe('an upgrade that is let in', () => {
  it('is answered and greeted in one piece', async () => {
    const socket = await openSocket(await startServer());
    const pieces: string[] = [];
    socket.tcp.on('data', (piece) => pieces.push(piece.toString('latin1')));
    socket.write(handshake());
    await eventually(
      () => pieces.join(''),
      (text) => text.includes('"connected"'),
    );
    expect(pieces).toEqual([expect.stringMatching(/^HTTP\/1\.1 101 .*"connected"/s)]);
  });
});

describe('a refused upgrade', () => {
  it('gets 401 without a token, and with a bad one', async () => {
    const server = await startServer();

    expect(await refusal(server, { target: '/ws' })).toEqual({ status: 401, code: 'TOKEN_MISSING' });
    expect(await refusal(server, { target: '/ws?token=nonsense' })).toEqual({ status: 401, code: 'TOKEN_INVALID' });
    const answer = await exchange(server, handshake({ target: '/ws' }));
    expect(answer.headers['www-authenticate']).toBe('Bearer');
    expect(answer.headers['content-type']).toMatch(/^application\/json/);
  });

  it.each([
    ['//ws'],
    ['/'],
    ['/ws/more'],
    ['/ws%00'],
    ['/%77s'],
    ['/x/../ws'],
    ['/%2fws'],
    ['/WS'],
    ['/__proto__'],
    ['/ws%2f'],
    ['/ws;a=b'],
  ])('gets 404 at %s', async (path) => {
    const server = await startServer();

    expect(await refusal(server, { target: `${path}?token=${tokenFor()}` })).toEqual({
      status: 404,
      code: 'NOT_FOUND',
    });
  });

  it.each<[string, HandshakeChanges]>([
    ['an old version', { headers: { 'Sec-WebSocket-Version': '8' } }],
    ['an older version', { headers: { 'Sec-WebSocket-Version': '0' } }],
    ['no version', { headers: { 'Sec-WebSocket-Version': undefined } }],
    ['a version that only looks right', { headers: { 'Sec-WebSocket-Version': '13.0' } }],
    ['no key', { headers: { 'Sec-WebSocket-Key': undefined } }],
    ['a short key', { headers: { 'Sec-WebSocket-Key': 'c2hvcnQ=' } }],
    ['a key of other characters', { headers: { 'Sec-WebSocket-Key': '!!!!!!!!!!!!!!!!!!!!!!==' } }],
    ['another protocol', { headers: { Upgrade: 'h2c' } }],
    ['POST', { method: 'POST' }],
    ['HTTP/1.0', { version: 'HTTP/1.0' }],
    ['no Host', { headers: { Host: undefined } }],
    ['an empty Host', { headers: { Host: '' } }],
    ['a Host that names a user', { headers: { Host: 'user@127.0.0.1' } }],
    ['a Host with a path', { headers: { Host: '127.0.0.1/ws' } }],
    ['two Hosts', { headers: { Host: '127.0.0.1', host: 'elsewhere' } }],
  ])('gets 400 for %s', async (_what, changes) => {
    const server = await startServer();

    expect(await refusal(server, changes)).toEqual({ status: 400, code: 'BAD_HANDSHAKE' });
  });

  it('gets 4xx for broken or oversized heads, and the process lives on', async () => {
    const server = await startServer();
    const huge = await exchange(server, handshake({ headers: { Cookie: 'x'.repeat(40_000) } }));
    const many = Object.fromEntries(Array.from({ length: 9000 }, (_, index) => [`h${index}`, 'x']));
    const crowded = await exchange(server, handshake({ headers: many }));
    const broken = await exchange(server, 'GET /ws\x00 HTTP/1.1\r\nHost: x\r\n\r\n');
    const proto = await refusal(server, {
      target: '/ws',
      headers: { __proto__x: 'a', ['__proto__']: 'b', constructor: 'c' },
    });

    expect([huge.status, crowded.status, broken.status]).toEqual([431, 431, 400]);
    expect(proto.status).toBe(401);
    await join(server);
  });

  it('gets 426 where it is a plain request', async () => {
    const server = await startServer();
    for (const method of ['GET', 'POST']) {
      const response = await fetch(`${server.http}/ws`, { method });

      expect(response.status).toBe(426);
      expect(response.headers.get('upgrade')).toBe('websocket');
      expect(await response.json()).toMatchObject({ code: 'UPGRADE_REQUIRED', message: expect.any(String) as string });
    }
  });
});

describe('the endpoint', () => {
  it('takes a slash at the end', async () => {
    const server = await startServer();

    await join(server, { address: `${server.ws}/` });
  });

  it.each([
    ['header', (token: string) => ({ headers: { authorization: `Bearer ${token}` } })],
    ['subprotocol', (token: string) => ({ protocols: ['rookery.v1.json', `bearer.${token}`] })],
  ])('takes the token by %s', async (_way, options) => {
    const server = await startServer();
    const client = await connect(server, { token: null, ...options(tokenFor({ sub: 'bob' })) });

    expect((await client.next('connected')).payload.userId).toBe('bob');
  });

  it('names no subprotocol but its own, and never the one that holds the token', async () => {
    const server = await startServer();
    const bearer = `bearer.${tokenFor()}`;
    const both = await exchange(
      server,
      handshake({ target: '/ws', headers: { 'Sec-WebSocket-Protocol': `${bearer}, rookery.v1.json` } }),
    );
    const alone = await exchange(server, handshake({ target: '/ws', headers: { 'Sec-WebSocket-Protocol': bearer } }));

    expect([both.status, both.headers['sec-websocket-protocol']]).toEqual([101, 'rookery.v1.json']);
    expect([alone.status, alone.headers['sec-websocket-protocol']]).toEqual([101, undefined]);
    const unknown = { 'Sec-WebSocket-Protocol': `${bearer}, mqtt` };
    expect(await refusal(server, { target: '/ws', headers: unknown })).toEqual({
      status: 400,
      code: 'UNSUPPORTED_SUBPROTOCOL',
    });
  });

  it('answers 503 with Retry-After while the node drains', async () => {
    const server = await startServer({ drainTimeoutMs: 3000 });
    // A raw client that does not answer the goodbye keeps the drain going.
    const lingering = await openSocket(server);
    lingering.write(handshake());
    await lingering.answer();
    const waiting = await openSocket(server);
    const stopping = server.stop();
    await eventually(
      async () => (await fetch(`${server.http}/health/ready`)).status,
      (status) => status === 503,
    );
    waiting.write(handshake());
    const answer = await waiting.answer();
    lingering.tcp.destroy();
    await stopping;

    expect(answer.status).toBe(503);
    expect(bodyOf(answer).code).toBe('DRAINING');
    expect(Number(answer.headers['retry-after'])).toBeGreaterThan(0);
  });
});

describe('Origin', () => {
  const allowedOrigins = [ORIGIN];

  it.each([...OTHER_ORIGINS, ''])('%p is refused with 403', async (origin) => {
    const server = await startServer({ allowedOrigins });

    expect(await refusal(server, { headers: { Origin: origin } })).toEqual({ status: 403, code: 'ORIGIN_NOT_ALLOWED' });
  });

  it('of the list is let in, and so is none at all', async () => {
    const server = await startServer({ allowedOrigins });

    await join(server, { headers: { origin: 'https://app.example.com' } });
    await join(server);
  });

  it('must be there where it is required', async () => {
    const server = await startServer({ allowedOrigins, requireOrigin: true });

    await expect(connect(server)).rejects.toMatchObject({ status: 403 } satisfies Partial<RefusedError>);
    await join(server, { headers: { origin: 'https://app.example.com' } });
  });
});
