import { OnEvent } from '@nestjs/event-emitter';
import request from 'supertest';

import type { ConnectionClosedEvent, ConnectionOpenedEvent, UnhandledMessageEvent } from '../../src/index.js';
import { startApplication, type TestApplication } from '../support/application.js';
import type { TestClient } from '../support/client.js';
import { eventually } from '../support/eventually.js';
import { plainClient } from '../support/plain-client.js';
import { startServer } from '../support/server.js';

/** The old server's `connect`, `message` and `disconnect` handlers: plain functions and coroutines side by side. */
class Handlers {
  readonly calls: string[] = [];

  @OnEvent('connection.opened')
  onConnect({ connection }: ConnectionOpenedEvent): void {
    this.calls.push(`connect ${connection.userId}`);
  }

  @OnEvent('connection.opened')
  async onConnectLater({ connection }: ConnectionOpenedEvent): Promise<void> {
    await new Promise(setImmediate);
    this.calls.push(`connect later ${connection.userId}`);
    connection.send('welcome', { user: connection.userId });
  }

  @OnEvent('message.unhandled')
  onMessage({ connection, type }: UnhandledMessageEvent): void {
    this.calls.push(`message ${connection.userId} ${type}`);
  }

  @OnEvent('message.unhandled')
  async onMessageLater({ connection, type, payload }: UnhandledMessageEvent): Promise<void> {
    await new Promise(setImmediate);
    this.calls.push(`message later ${connection.userId} ${type}`);
    connection.send('note:saved', payload);
  }

  @OnEvent('connection.closed')
  onDisconnect({ connection, code }: ConnectionClosedEvent): void {
    this.calls.push(`disconnect ${connection.userId} ${code}`);
  }

  @OnEvent('connection.closed')
  async onDisconnectLater({ connection }: ConnectionClosedEvent): Promise<void> {
    await new Promise(setImmediate);
    this.calls.push(`disconnect later ${connection.userId}`);
  }
}

const TRUSTED = { auth: 'none', defaultGrants: ['*', '@all'] } as const;

async function enter({ port }: { readonly port: number }, path: string, userId: string, room?: string) {
  const client = await plainClient(`ws://127.0.0.1:${port}${path}?user_id=${userId}`);
  await client.next('connected');
  if (room !== undefined) {
    client.sendRaw(`{"type": "join", "payload": "${room}"}`);
    await client.next('room:joined');
  }
  return client;
}

describe.each(['/', '/socket', '/ws', '/api/v1/stream'])('a client of the Python template on the path %s', (wsPath) => {
  it('is who it says it is, and talks to a room', async () => {
    const server = await startServer({ ...TRUSTED, wsPath });
    const alice = await plainClient(`ws://127.0.0.1:${server.port}${wsPath}?user_id=alice`);
    expect(await alice.nextWhere(() => true)).toMatchObject({
      type: 'connected',
      payload: { clientId: expect.any(String), userId: 'alice' },
    });
    alice.sendRaw('{"type": "join", "payload": "general"}');
    expect(await alice.nextWhere(() => true)).toMatchObject({ type: 'room:joined', payload: { room: 'general' } });
    const bob = await enter(server, wsPath, 'bob', 'general');

    alice.sendRaw('{"type": "room:message", "payload": {"room": "general", "data": {"text": "h\\u00e9"}}}');
    expect(await bob.next('room:message')).toMatchObject({ payload: { room: 'general', data: { text: 'hé' } } });
    await alice.settle();
    expect(alice.queue).toEqual([]);
  });

  it('leaves HTTP beside it as it is', async () => {
    const server = await startServer({ ...TRUSTED, wsPath });
    expect((await request(server.http).get('/health/ready')).status).toBe(200);
    const published = await request(server.http).post('/api/broadcast').send({ message: 'to all' });
    expect(published.body).toMatchObject({ success: true });
    expect((await request(server.http).get(wsPath)).status).toBe(426);
  });
});

describe('a client of the Python template', () => {
  let server: TestApplication;
  let client: TestClient;

  beforeEach(async () => {
    server = await startApplication({ options: TRUSTED, providers: [Handlers] });
    client = await enter(server, '/ws', 'alice');
    await client.next('welcome');
  });

  const calls = (): string[] => server.app.get(Handlers).calls;

  it('gets the same replies as every other', async () => {
    client.sendRaw('{"type": "ping", "requestId": "1"}');
    expect(await client.nextWhere(() => true)).toMatchObject({ type: 'pong', requestId: '1' });
    client.sendRaw('{"type": "join", "payload": "general"}');
    await client.next('room:joined');
    client.sendRaw('{"type": "leave", "payload": "general"}');
    expect(await client.nextWhere(() => true)).toMatchObject({ type: 'room:left', payload: { room: 'general' } });
    client.sendRaw('not json');
    expect(await client.next('error')).toMatchObject({ payload: { message: 'Invalid message format' } });
  });

  it('reaches the connect handlers, sync and async, before its first message', async () => {
    client.sendRaw('{"type": "note", "payload": {}}');
    await client.next('note:saved');
    expect(calls().slice(0, 3)).toEqual(['connect alice', 'connect later alice', 'message alice note']);
  });

  it('reaches the message handlers, sync and async', async () => {
    client.sendRaw('{"type": "note", "payload": {"text": "x"}}');
    expect(await client.next('note:saved')).toMatchObject({ payload: { text: 'x' } });
    expect(calls()).toEqual(expect.arrayContaining(['message alice note', 'message later alice note']));
  });

  it('reaches the disconnect handlers, sync and async', async () => {
    await client.close(1000);
    await eventually(calls, (all) => all.includes('disconnect later alice'));
    expect(calls()).toContain('disconnect alice 1000');
  });
});

describe('a trusted network', () => {
  it('is allowed in production when it is asked for', async () => {
    const server = await startServer({ ...TRUSTED, nodeEnv: 'production' });
    const client = await plainClient(`${server.ws}?user_id=alice`);
    expect(await client.next('connected')).toMatchObject({ payload: { userId: 'alice' } });
  });

  it('believes nobody when it is not', async () => {
    const server = await startServer();
    await expect(plainClient(`${server.ws}?user_id=alice`)).rejects.toThrow('401');
  });
});
