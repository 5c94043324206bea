import { ConnectionsService } from '../../src/connections/connections.service.js';
import { MessagingService } from '../../src/index.js';
import { join } from '../support/client.js';
import { eventually } from '../support/eventually.js';
import { OPCODE, closePayload, frame, openRaw, type FrameShape, type RawClient } from '../support/raw-client.js';
import { startServer, type TestServer } from '../support/server.js';

const { CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG } = OPCODE;

const ping = (requestId: string): string => JSON.stringify({ type: 'ping', requestId });

function connectionsOf(server: TestServer): ConnectionsService {
  return server.app.get(ConnectionsService, { strict: false });
}

function connectionCount(server: TestServer): number {
  return connectionsOf(server).count();
}

describe('a frame that breaks RFC 6455', () => {
  it.each<[string, number, FrameShape[]]>([
    ['unmasked', 1002, [{ payload: ping('1'), masked: false }]],
    ['with reserved bit 1, nothing being negotiated', 1002, [{ payload: ping('1'), reserved: 4 }]],
    ['with reserved bit 2', 1002, [{ payload: ping('1'), reserved: 2 }]],
    ['with reserved bit 3', 1002, [{ payload: ping('1'), reserved: 1 }]],
    ['with the unknown opcode 3', 1002, [{ opcode: 3 }]],
    ['with the unknown control opcode 11', 1002, [{ opcode: 11 }]],
    ['that continues nothing', 1002, [{ opcode: CONTINUATION, payload: 'x' }]],
    [
      'that begins anew within a message',
      1002,
      [
        { final: false, payload: '{' },
        { opcode: TEXT, payload: '}' },
      ],
    ],
    ['that is a ping in fragments', 1002, [{ opcode: PING, final: false }]],
    ['that is a ping of more than 125 bytes', 1002, [{ opcode: PING, payload: 'x'.repeat(126) }]],
    ['that closes with one byte', 1002, [{ opcode: CLOSE, payload: Buffer.from([3]) }]],
    ['that closes with the reserved code 1005', 1002, [{ opcode: CLOSE, payload: closePayload(1005) }]],
    ['that closes with the code 999', 1002, [{ opcode: CLOSE, payload: closePayload(999) }]],
    [
      'that closes with a reason in bad UTF-8',
      1007,
      [{ opcode: CLOSE, payload: closePayload(1000, Buffer.from([0xff])) }],
    ],
    ['with bad UTF-8', 1007, [{ payload: Buffer.from([0x22, 0xc3, 0x28, 0x22]) }]],
    ['with a surrogate in UTF-8', 1007, [{ payload: Buffer.from([0xed, 0xa0, 0x80]) }]],
    ['that claims more than the largest message', 1009, [{ claimedLength: 2 ** 40 }]],
    ['that claims more than numbers hold', 1009, [{ claimedLength: 2 ** 60 }]],
    [
      'that makes a message too large in sum',
      1009,
      [
        { final: false, payload: 'x'.repeat(600) },
        { opcode: CONTINUATION, payload: 'x'.repeat(600) },
      ],
    ],
  ])('%s ends with its close code: %i', async (_what, code, shapes) => {
    const server = await startServer({ maxMessageBytes: 1000 });
    const bystander = await join(server);
    const client = await openRaw(server);
    for (const shape of shapes) client.send(shape);

    expect(await client.closeCode()).toBe(code);
    await client.socket.untilClosed();
    await bystander.settle();
    await eventually(
      () => connectionCount(server),
      (count) => count === 1,
    );
  });
});

describe('frames that are allowed', () => {
  it('may come in fragments, with pings between them', async () => {
    const server = await startServer();
    const client = await openRaw(server);
    const text = Buffer.from(JSON.stringify({ type: 'ping', requestId: 'grüße' }));
    for (const [index, byte] of text.entries()) {
      client.send({
        opcode: index === 0 ? TEXT : CONTINUATION,
        payload: Buffer.from([byte]),
        final: index === text.length - 1,
      });
      if (index === 5) client.send({ opcode: PING, payload: 'between' });
    }
    await client.untilMessage('pong');

    expect(client.messages('pong')).toEqual([{ type: 'pong', requestId: 'grüße' }]);
    expect(
      client
        .frames()
        .find(({ opcode }) => opcode === PONG)
        ?.payload.toString(),
    ).toBe('between');
  });

  it('may come byte by byte, or many at once', async () => {
    const server = await startServer();
    const client = await openRaw(server);
    for (const byte of frame({ payload: ping('slow') })) {
      client.socket.write(Buffer.from([byte]));
      await new Promise(setImmediate);
    }
    client.socket.write(Buffer.concat(['a', 'b', 'c'].map((id) => frame({ payload: ping(id) }))));
    await eventually(
      () => client.messages('pong').length,
      (count) => count === 4,
    );

    expect(client.messages('pong').map(({ requestId }) => requestId)).toEqual(['slow', 'a', 'b', 'c']);
  });

  it('of binary data are an error of the envelope, and the connection stays', async () => {
    const server = await startServer();
    const client = await openRaw(server);
    client.send({ opcode: BINARY, payload: ping('1') });
    client.send({ payload: ping('2') });
    await client.untilMessage('pong');

    expect(client.messages('error')).toMatchObject([{ payload: { code: 'INVALID_MESSAGE' } }]);
  });

  it('end well: a close is answered with its code', async () => {
    const server = await startServer();
    const client = await openRaw(server);
    client.send({ opcode: CLOSE, payload: closePayload(1000, 'bye') });

    expect(await client.closeCode()).toBe(1000);
    await client.socket.untilClosed();
  });
});

describe('after a close frame', () => {
  it.each<[string, number, (client: RawClient, server: TestServer) => unknown]>([
    ['of the server', 4403, (_client, server) => connectionsOf(server).disconnectUser('alice', 4403)],
    ['that answers the client’s', 1000, (client) => client.send({ opcode: CLOSE, payload: closePayload(1000) })],
    ['after a broken frame', 1002, (client) => client.send({ masked: false })],
  ])('%s no message follows', async (_what, code, close) => {
    const server = await startServer();
    const messaging = server.app.get(MessagingService);
    const client = await openRaw(server);
    client.sendJson({ type: 'join', payload: 'general' });
    await client.untilMessage('room:joined');
    // Published in every turn until the connection is gone: some of it after the close.
    await close(client, server);
    let published = 0;
    await eventually(
      async () => {
        await messaging.publish('general', (published += 1));
        return client.frames().some(({ opcode }) => opcode === CLOSE);
      },
      (closed) => closed,
    );
    for (let more = 0; more < 20; more += 1) await messaging.publish('general', (published += 1));
    client.socket.tcp.end();
    await eventually(
      () => connectionCount(server),
      (count) => count === 0,
    );
    expect(await client.closeCode()).toBe(code);
    expect(client.frames().at(-1)?.opcode).toBe(CLOSE);
  });
});
