import { once } from 'node:events';

import { WebSocket } from 'ws';

import { RelayModule } from '../../examples/relay-unhandled/relay.module.js';
import { ConnectionsService, MessagingService, RookeryOptions, type RookeryOptionsInput } from '../../src/index.js';
import { startApplication, type TestApplication } from '../support/application.js';
import { TestClient } from '../support/client.js';
import { eventually } from '../support/eventually.js';
import { plainClient } from '../support/plain-client.js';
import { cleanUp } from '../support/teardown.js';

const KIB = 1024;

function startServer(options: RookeryOptionsInput = {}): Promise<TestApplication> {
  return startApplication({
    options: { auth: 'none', defaultGrants: ['*', '@all'], ...options },
    imports: [RelayModule],
  });
}

async function enter({ ws }: TestApplication, userId: string): Promise<TestClient> {
  const client = await plainClient(`${ws}?user_id=${userId}`);
  await client.next('connected');
  return client;
}

/** Bytes of a message around its text. */
const AROUND = JSON.stringify({ type: 'chat', payload: '' }).length;

/** A message of exactly so many bytes, of a type that nobody handles. */
function messageOf(bytes: number): string {
  return JSON.stringify({ type: 'chat', payload: 'x'.repeat(bytes - AROUND) });
}

describe('a client of the Go template', () => {
  it('reaches everybody with any other type, itself included', async () => {
    const server = await startServer();
    const clients = await Promise.all(['a', 'b', 'c'].map((user) => enter(server, user)));
    clients[0]?.sendRaw('{"type":"chat","payload":{"text":"hi","n":[1,null]}}');
    for (const client of clients) {
      expect(await client.nextWhere(() => true)).toEqual({ type: 'chat', payload: { text: 'hi', n: [1, null] } });
    }
  });

  it('needs the grant to broadcast for that', async () => {
    const server = await startServer({ defaultGrants: ['*'] });
    const [sender, other] = await Promise.all([enter(server, 'a'), enter(server, 'b')]);
    sender.sendRaw('{"type":"chat","payload":1,"requestId":"r"}');
    expect(await sender.nextWhere(() => true)).toMatchObject({
      type: 'error',
      payload: { code: 'FORBIDDEN' },
      requestId: 'r',
    });
    await other.settle();
    expect(other.queue).toEqual([]);
  });

  it('may send 512 KiB in one message, and is closed with 1009 for a byte more', async () => {
    const server = await startServer();
    const client = await enter(server, 'a');
    client.sendRaw(messageOf(512 * KIB));
    const { payload } = await client.nextWhere(() => true);
    expect(String(payload).length).toBe(512 * KIB - AROUND);

    client.sendRaw(messageOf(512 * KIB + 1));
    expect(await client.closed).toMatchObject({ code: 1009 });
  });

  it('is told the ping interval of 30 s, and is dead after 60 s, unless set otherwise', async () => {
    const server = await startServer();
    const client = await plainClient(`${server.ws}?user_id=a`);
    expect(await client.next('connected')).toMatchObject({ payload: { heartbeatMs: 30_000 } });
    expect(server.app.get(RookeryOptions)).toMatchObject({ heartbeatIntervalMs: 30_000, heartbeatTimeoutMs: 60_000 });
  });

  it('is pinged, lives on by its pongs alone, and is gone without them', async () => {
    const server = await startServer({ heartbeatIntervalMs: 300, heartbeatTimeoutMs: 3000 });
    const living = await enter(server, 'living');
    const silent = new WebSocket(`${server.ws}?user_id=silent`, { autoPong: false });
    cleanUp(() => silent.terminate());
    await once(silent, 'open');
    const openedAt = performance.now();
    await Promise.all([once(living.socket, 'ping'), once(silent, 'ping')]);

    await once(silent, 'close');
    expect(performance.now() - openedAt).toBeGreaterThan(2000);
    await living.settle();
    expect(server.app.get(ConnectionsService).count()).toBe(1);
  });

  it('that does not read costs a bounded number of bytes, and nobody waits for it', async () => {
    const bound = 256 * KIB;
    const server = await startServer({ outboxBytes: bound, historyMaxBytes: 0 });
    const slow = await enter(server, 'slow');
    const quick = await enter(server, 'quick');
    slow.socket.pause();

    const text = 'x'.repeat(64 * KIB);
    const messages = 200;
    for (let n = 0; n < messages; n += 1) {
      await server.app.get(MessagingService).broadcast({ n, text });
      expect((await quick.next('broadcast')).payload.data).toMatchObject({ n });
    }
    const backlog = (): number =>
      [...server.app.get(ConnectionsService).all()].find(({ userId }) => userId === 'slow')?.outbox.backlog ?? NaN;
    expect(backlog()).toBeGreaterThan(0);
    expect(backlog()).toBeLessThan(bound + 2 * text.length);

    // Where the old server let messages go, this one catches the client up.
    slow.socket.resume();
    for (let n = 0; n < messages; n += 1) {
      expect((await slow.next('broadcast')).payload.data).toMatchObject({ n });
    }
    await eventually(backlog, (bytes) => bytes === 0);
  });

  it('that takes nothing of what is written to it is gone after a while', async () => {
    const server = await startServer({ heartbeatIntervalMs: 50, heartbeatTimeoutMs: 2000, stallTimeoutMs: 2000 });
    const stuck = await enter(server, 'stuck');
    stuck.socket.pause();
    const connections = server.app.get(ConnectionsService);
    const [connection] = connections.all();
    while (connection?.outbox.stuck === false && !connection.closing) {
      await server.app.get(MessagingService).broadcast('x'.repeat(64 * KIB));
      await new Promise(setImmediate);
    }
    await eventually(
      () => connections.count(),
      (count) => count === 0,
    );
  });
});
