import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { Socket } from 'node:net';
import { createRequire } from 'node:module';

import { WebSocket, WebSocketServer } from 'ws';

import { textFrame } from '../../../src/connections/frame.js';
import { hasUnfinishedMessage, rawSocketOf } from '../../../src/connections/raw-socket.js';
import { eventually } from '../../support/eventually.js';
import { cleanUp } from '../../support/teardown.js';

/** Both ends of one connection of `ws`, and a way to send the client's bytes past it. */
async function pair(): Promise<{ server: WebSocket; client: WebSocket; wire: Socket }> {
  const listener = new WebSocketServer({ port: 0, host: '127.0.0.1', perMessageDeflate: false });
  cleanUp(() => listener.close());
  await once(listener, 'listening');
  const accepted = once(listener, 'connection');
  const client = new WebSocket(`ws://127.0.0.1:${(listener.address() as AddressInfo).port}`);
  cleanUp(() => client.terminate());
  await once(client, 'open');
  const [server] = (await accepted) as [WebSocket];
  cleanUp(() => server.terminate());
  return { server, client, wire: rawSocketOf(client) };
}

/** A frame as a client sends it, masked with zeros: its bytes are its text. */
function maskedFrame(firstByte: number, text: string): Buffer {
  return Buffer.concat([Buffer.from([firstByte, 0x80 | text.length, 0, 0, 0, 0]), Buffer.from(text)]);
}

const TEXT_TO_BE_CONTINUED = 0x01;
const LAST_CONTINUATION = 0x80;
const WHOLE_TEXT = 0x81;

/** Resolves when that is so. */
const comesToBeUnfinished = (server: WebSocket, expected: boolean): Promise<boolean> =>
  eventually(
    () => hasUnfinishedMessage(server),
    (value) => value === expected,
  );

describe('the insides of ws', () => {
  it('are those of the version that is pinned', () => {
    const { dependencies }: { dependencies: { ws: string } } = JSON.parse(
      readFileSync(new URL('../../../package.json', import.meta.url), 'utf8'),
    );
    const installed = createRequire(import.meta.url)('ws/package.json') as { version: string };
    expect(dependencies.ws).toBe(installed.version);
  });

  it('have the fields that are used', async () => {
    const { server } = await pair();
    expect(server).toHaveProperty('_socket', expect.any(Socket));
    expect(server).toHaveProperty('_receiver._fragments', []);
    expect(server).toHaveProperty('_receiver._bufferedBytes', 0);
  });
});

describe('rawSocketOf', () => {
  it('finds the socket below, and what is written to it is a message', async () => {
    const { server, client } = await pair();
    const socket = rawSocketOf(server);
    expect(socket.remotePort).toBe(rawSocketOf(client).localPort);
    const received = once(client, 'message');
    socket.write(textFrame('past the sender'));
    expect(String((await received)[0])).toBe('past the sender');
  });

  it('keeps the order among what ws sends by itself and what goes past it', async () => {
    const { server, client } = await pair();
    const heard: string[] = [];
    client.on('message', (data: Buffer) => heard.push(data.toString()));
    client.on('ping', () => heard.push('ping'));
    rawSocketOf(server).write(textFrame('one'));
    server.ping();
    rawSocketOf(server).write(textFrame('two'));
    server.close(1001);
    await once(client, 'close');
    expect(heard).toStrictEqual(['one', 'ping', 'two']);
  });

  it('says so when there is none', () => {
    const connecting = new WebSocket('ws://127.0.0.1:9');
    connecting.on('error', () => undefined);
    cleanUp(() => connecting.terminate());
    expect(() => rawSocketOf(connecting)).toThrow('no socket');
  });
});

describe('hasUnfinishedMessage', () => {
  it('is false on a quiet connection and after whole messages', async () => {
    const { server, wire } = await pair();
    expect(hasUnfinishedMessage(server)).toBe(false);
    const received = once(server, 'message');
    wire.write(maskedFrame(WHOLE_TEXT, 'whole'));
    await received;
    expect(hasUnfinishedMessage(server)).toBe(false);
  });

  it('is true while a frame is coming in', async () => {
    const { server, wire } = await pair();
    const frame = maskedFrame(WHOLE_TEXT, 'half and half');
    wire.write(frame.subarray(0, 10));
    expect(await comesToBeUnfinished(server, true)).toBe(true);
    wire.write(frame.subarray(10));
    expect(await comesToBeUnfinished(server, false)).toBe(false);
  });

  it('is true between the fragments of a message, pings in between or not', async () => {
    const { server, client, wire } = await pair();
    wire.write(maskedFrame(TEXT_TO_BE_CONTINUED, 'half '));
    expect(await comesToBeUnfinished(server, true)).toBe(true);
    const ponged = once(client, 'pong');
    client.ping();
    await ponged;
    expect(hasUnfinishedMessage(server)).toBe(true);
    const received = once(server, 'message');
    wire.write(maskedFrame(LAST_CONTINUATION, 'and half'));
    expect(String((await received)[0])).toBe('half and half');
    expect(hasUnfinishedMessage(server)).toBe(false);
  });
});
