import { randomBytes } from 'node:crypto';

import { WebSocket } from 'ws';

import { Telemetry } from '../../src/telemetry/telemetry.js';
import { TestClient, join } from '../support/client.js';
import { startServer, tokenFor, type TestServer } from '../support/server.js';
import { cleanUp } from '../support/teardown.js';

/** Text that shrinks, longer than what is left alone. */
const LONG = 'all the same '.repeat(500);

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

  it('does without for a client that asks for a smaller window', async () => {
    const server = await startServer({ compression: true });
    const client = await compressing(server, 'bob', { serverMaxWindowBits: 9 });
    expect(client.socket.extensions).toBe('');
  });
});
