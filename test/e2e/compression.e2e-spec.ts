import { randomBytes } from 'node:crypto';

import { WebSocket } from 'ws';

import { Telemetry } from '../../src/telemetry/telemetry.js';
import { TestClient, join } from '../support/client.js';
import { exchange, handshake } from '../support/raw-socket.js';
import { startServer, tokenFor, type TestServer } from '../support/server.js';
import { cleanUp } from '../support/teardown.js';

/** Text that shrinks, longer than what is left alone. */
const LONG = 'all the same '.repeat(500);

/** A client that sends every message compressed, whose upgrade has these lines of offers. */
async function offering(server: TestServer, ...lines: string[]): Promise<TestClient> {
  const socket = new WebSocket(`${server.ws}?token=${tokenFor({ sub: 'bob' })}`, {
    perMessageDeflate: { threshold: 0 },
    finishRequest: (request) => {
      request.setHeader('Sec-WebSocket-Extensions', lines);
      request.end();
    },
  });
  const client = new TestClient(socket);
  cleanUp(() => socket.terminate());
  await client.next('connected');
  await client.request('join', 'room');
  return client;
}

/** A member that offers permessage-deflate, with the bytes that came over its socket. */
async function compressing(server: TestServer, sub: string, offer: object = {}): Promise<TestClient> {
  const socket = new WebSocket(`${server.ws}?token=${tokenFor({ sub })}`, { perMessageDeflate: offer });
  const client = new TestClient(socket);
  cleanUp(() => socket.terminate());
  await client.next('connected');
  await client.request('join', 'room');
  return client;
}

describe('compression', () => {
  it('is off unless it is asked for', async () => {
    const server = await startServer();
    const client = await compressing(server, 'bob');
    expect(client.socket.extensions).toBe('');
  });

  it('compresses a message once for all who negotiated it, and leaves the others alone', async () => {
    const server = await startServer({ compression: true });
    const members = await Promise.all(['a', 'b', 'c'].map((sub) => compressing(server, sub)));
    const plain = await join(server, { claims: { sub: 'plain' } }, 'room');
    const alice = await join(server, {}, 'room');
    const telemetry = server.app.get(Telemetry);
    const before = telemetry.compressions;

    await alice.request('room:message', { room: 'room', data: LONG });

    for (const client of [...members, plain]) {
      expect((await client.next('room:message')).payload).toMatchObject({ data: LONG, offset: 1 });
    }
    expect(members.map(({ socket }) => socket.extensions)).toEqual(Array(3).fill('permessage-deflate'));
    expect(telemetry.compressions).toBe(before + 1);
  });

  it('sends fewer bytes', async () => {
    const server = await startServer({ compression: true });
    const client = await compressing(server, 'bob');
    const alice = await join(server, {}, 'room');
    await alice.settle();
    const telemetry = server.app.get(Telemetry);
    const before = telemetry.bytesOut;
    await alice.request('room:message', { room: 'room', data: LONG });
    await client.next('room:message');
    expect(telemetry.bytesOut - before).toBeLessThan(LONG.length / 5);
  });

  it('keeps every message readable, whatever is in it and however many leave together', async () => {
    const server = await startServer({ compression: true });
    const client = await compressing(server, 'bob');
    const alice = await join(server, {}, 'room');
    const texts = Array.from({ length: 50 }, (_none, n) =>
      n % 3 === 0 ? `short ${n}` : `${LONG} ${randomBytes(n * 20).toString('latin1')} é€😀`,
    );
    for (const data of texts) alice.send('room:message', { room: 'room', data });
    for (const data of texts) expect((await client.next('room:message')).payload.data).toBe(data);
  });

  it('takes compressed messages, and not those that unpack to more than a message may be', async () => {
    const server = await startServer({ compression: true, maxMessageBytes: 100_000 });
    const client = await compressing(server, 'bob', { threshold: 0 });
    const alice = await join(server, {}, 'room');
    client.send('room:message', { room: 'room', data: LONG });
    expect((await alice.next('room:message')).payload.data).toBe(LONG);

    client.send('room:message', { room: 'room', data: 'x'.repeat(50_000_000) });
    expect(await client.closed).toMatchObject({ code: 1009 });
    await alice.settle();
  });

  // The offers of Autobahn's cases 13.1, 13.2, 13.4, 13.6 and 13.7, of browsers, and more; with the answer to each.
  const takeover = 'server_no_context_takeover; client_no_context_takeover';
  const agreed = `permessage-deflate; ${takeover}`;
  it.each([
    ['permessage-deflate', agreed],
    ['permessage-deflate; server_no_context_takeover', agreed],
    ['permessage-deflate; client_max_window_bits', agreed],
    [
      'permessage-deflate; client_max_window_bits; server_max_window_bits=15',
      `permessage-deflate; server_max_window_bits=15; ${takeover}`,
    ],
    [
      'permessage-deflate; client_no_context_takeover; server_no_context_takeover; server_max_window_bits=15',
      'permessage-deflate; client_no_context_takeover; server_no_context_takeover; server_max_window_bits=15',
    ],
    [
      'permessage-deflate; client_max_window_bits; server_no_context_takeover; server_max_window_bits=9, ' +
        'permessage-deflate; client_max_window_bits; server_no_context_takeover, ' +
        'permessage-deflate; client_max_window_bits',
      agreed,
    ],
    ['permessage-deflate; server_max_window_bits=99, permessage-deflate', agreed],
    ['foo; bar="a, b", permessage-deflate; mystery, permessage-deflate', agreed],
    ...[8, 9, 12, 15].map((bits) => [
      `permessage-deflate; client_max_window_bits="${bits}"`,
      `permessage-deflate; client_max_window_bits=${bits}; ${takeover}`,
    ]),
  ])('is agreed on for the offers "%s", and messages go both ways', async (offers = '', answer = '') => {
    const server = await startServer({ compression: true });
    const bob = await offering(server, offers);
    const plain = await join(server, {}, 'room');
    const raw = await exchange(server, handshake({ headers: { 'Sec-WebSocket-Extensions': offers } }));
    expect(raw.headers['sec-websocket-extensions']).toBe(answer);
    expect(bob.socket.extensions).toBe('permessage-deflate');

    for (const data of [LONG, `${LONG}${randomBytes(60_000).toString('base64')}${LONG}`]) {
      bob.send('room:message', { room: 'room', data });
      expect((await plain.next('room:message')).payload.data).toBe(data);
      plain.send('room:message', { room: 'room', data });
      expect((await bob.next('room:message')).payload.data).toBe(data);
    }
  });

  it('is agreed on where a good offer is on another line than a bad one', async () => {
    const server = await startServer({ compression: true });
    const bob = await offering(server, 'foo', 'permessage-deflate; server_max_window_bits=8', 'permessage-deflate');
    expect(bob.socket.extensions).toBe('permessage-deflate');
    const alice = await join(server, {}, 'room');
    await alice.request('room:message', { room: 'room', data: LONG });
    expect((await bob.next('room:message')).payload.data).toBe(LONG);
  });

  it.each([
    'permessage-deflate; client_max_window_bits; server_max_window_bits=9',
    'permessage-deflate; server_no_context_takeover; server_max_window_bits=9',
    'permessage-deflate; client_max_window_bits=7',
    'permessage-deflate; client_max_window_bits=10; client_max_window_bits=10',
    'permessage-deflate; server_no_context_takeover=1',
    'permessage-deflate; mystery',
    'permessage-deflate; "',
    'x-webkit-deflate-frame',
    ', ;;=,',
    '"',
  ])('is left out for the offers "%s", and the connection works', async (offers) => {
    const server = await startServer({ compression: true });
    const raw = await exchange(server, handshake({ headers: { 'Sec-WebSocket-Extensions': offers } }));
    expect(raw.status).toBe(101);
    expect(raw.headers).not.toHaveProperty('sec-websocket-extensions');

    const bob = await offering(server, offers);
    expect(bob.socket.extensions).toBe('');
    const alice = await join(server, {}, 'room');
    await alice.request('room:message', { room: 'room', data: LONG });
    expect((await bob.next('room:message')).payload.data).toBe(LONG);
  });

  it('is left out for offers that are absurdly long, in place of a refusal', async () => {
    const server = await startServer({ compression: true });
    const offers = `${'permessage-deflate; mystery, '.repeat(400)}permessage-deflate`;
    expect((await offering(server, offers)).socket.extensions).toBe('');
  });

  it('does without for a client that asks for a smaller window', async () => {
    const server = await startServer({ compression: true });
    const client = await compressing(server, 'bob', { serverMaxWindowBits: 9 });
    expect(client.socket.extensions).toBe('');
  });
});
