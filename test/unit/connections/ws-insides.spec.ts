import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createConnection, type AddressInfo, type Socket } from 'node:net';
import { createRequire } from 'node:module';

import { WebSocket, WebSocketServer } from 'ws';

import { ClientSocket } from '../../../src/connections/client-socket.js';
import { hasUnfinishedMessage } from '../../../src/connections/ws-insides.js';
import { checkWebSockets, probeWebSockets } from '../../../src/connections/ws-probe.js';
import { eventually } from '../../support/eventually.js';
import { cleanUp } from '../../support/teardown.js';

/** Both ends of one connection of `ws`, and a way to send the client's bytes past it. */
async function pair(): Promise<{ server: WebSocket; client: WebSocket; wire: Socket }> {
  const listener = new WebSocketServer({ port: 0, host: '127.0.0.1', perMessageDeflate: false });
  cleanUp(() => listener.close());
  await once(listener, 'listening');
  const accepted = once(listener, 'connection');
  const { port } = listener.address() as AddressInfo;
  const wire = createConnection(port, '127.0.0.1');
  const client = new WebSocket(`ws://127.0.0.1:${port}`, { createConnection: () => wire });
  cleanUp(() => client.terminate());
  await once(client, 'open');
  const [server] = (await accepted) as [WebSocket];
  cleanUp(() => server.terminate());
  return { server, client, wire };
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
  it('The installed version of ws is the pinned one', () => {
    const { dependencies }: { dependencies: { ws: string } } = JSON.parse(
      readFileSync(new URL('../../../package.json', import.meta.url), 'utf8'),
    );
    const installed = createRequire(import.meta.url)('ws/package.json') as { version: string };
    expect(dependencies.ws).toBe(installed.version);
  });

  it('checkWebSockets accepts the installed version of ws', async () => {
    await expect(checkWebSockets()).resolves.toBeUndefined();
  });

  it('probeWebSockets rejects a version of ws that hides unfinished messages, and names the remedy', async () => {
    class Changed extends ClientSocket {
      /** Called by ws once the upgrade is done. */
      setSocket(...parts: unknown[]): void {
        const { setSocket } = ClientSocket.prototype as unknown as { setSocket: (...parts: unknown[]) => void };
        setSocket.apply(this, parts);
        const insides = this as unknown as { _receiver: object };
        insides._receiver = new Proxy(insides._receiver, {
          get(receiver, name) {
            if (name === '_fragments' || name === '_bufferedBytes') return undefined;
            const value: unknown = Reflect.get(receiver, name, receiver);
            return typeof value === 'function' ? (value.bind(receiver) as unknown) : value;
          },
        });
      }
    }
    await expect(probeWebSockets(Changed)).rejects.toThrow(
      /^The installed version of "ws" does not work.*package\.json/,
    );
  });

  it('probeWebSockets rejects a version of ws that answers a close without close()', async () => {
    class Changed extends ClientSocket {
      override close(): void {
        this.terminate();
      }
    }
    await expect(probeWebSockets(Changed)).rejects.toThrow('ends early');
  });
});

describe('hasUnfinishedMessage', () => {
  it('hasUnfinishedMessage is false on a quiet connection and after whole messages', async () => {
    const { server, wire } = await pair();
    expect(hasUnfinishedMessage(server)).toBe(false);
    const received = once(server, 'message');
    wire.write(maskedFrame(WHOLE_TEXT, 'whole'));
    await received;
    expect(hasUnfinishedMessage(server)).toBe(false);
  });

  it('hasUnfinishedMessage is true while a frame is coming in', async () => {
    const { server, wire } = await pair();
    const frame = maskedFrame(WHOLE_TEXT, 'half and half');
    wire.write(frame.subarray(0, 10));
    expect(await comesToBeUnfinished(server, true)).toBe(true);
    wire.write(frame.subarray(10));
    expect(await comesToBeUnfinished(server, false)).toBe(false);
  });

  it('hasUnfinishedMessage is true between the fragments of a message, pings in between or not', async () => {
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
