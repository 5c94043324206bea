import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

import { PATIENCE_MS, eventually } from './eventually.js';
import { tokenFor, type TestServer } from './server.js';
import { cleanUp } from './teardown.js';

/** An HTTP answer as it came off the socket. */
export interface RawAnswer {
  readonly status: number;
  /** The lines of its head, the first left out. */
  readonly lines: readonly string[];
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** A TCP connection that says what a test wants, however wrong, and keeps what comes back. */
export class RawSocket {
  received = Buffer.alloc(0);
  closed = false;
  private isHead = false;

  constructor(readonly tcp: Socket) {
    tcp.on('data', (chunk) => (this.received = Buffer.concat([this.received, chunk])));
    // Being cut off is what most of these tests are after; `closed` tells.
    tcp.on('error', () => undefined);
    tcp.on('close', () => (this.closed = true));
  }

  write(bytes: string | Buffer): void {
    this.isHead ||= bytes.toString('latin1').startsWith('HEAD ');
    this.tcp.write(bytes, 'latin1');
  }

  /** Goes with a RST in place of a goodbye. */
  reset(): void {
    this.tcp.resetAndDestroy();
  }

  /** The server has ended the connection. */
  async untilClosed(patienceMs = PATIENCE_MS): Promise<void> {
    await eventually(
      () => this.closed,
      (closed) => closed,
      patienceMs,
    );
  }

  /** The head of the answer, and its body as far as `Content-Length` says. */
  async answer(patienceMs = PATIENCE_MS): Promise<RawAnswer> {
    const answer = await eventually(
      () => parseAnswer(this.received, this.isHead),
      (value) => value !== undefined,
      patienceMs,
    );
    if (answer === undefined) throw new Error('no answer');
    return answer;
  }
}

/** Opens a TCP connection to the server; it is cut at the end of the test. */
export async function openSocket(server: { readonly port: number }): Promise<RawSocket> {
  const tcp = connect(server.port, '127.0.0.1');
  cleanUp(() => tcp.destroy());
  await once(tcp, 'connect');
  return new RawSocket(tcp);
}

/** Sends bytes on a connection of their own and reads the answer. */
export async function exchange(server: TestServer, bytes: string | Buffer): Promise<RawAnswer> {
  const socket = await openSocket(server);
  socket.write(bytes);
  const answer = await socket.answer();
  socket.tcp.destroy();
  return answer;
}

/** What to make of the usual handshake: a header given as undefined is left out. */
export interface HandshakeChanges {
  readonly method?: string;
  readonly target?: string;
  readonly version?: string;
  readonly headers?: Readonly<Record<string, string | undefined>>;
}

/** The text of an upgrade that would be let in, but for the changes. */
export function handshake({
  method = 'GET',
  target,
  version = 'HTTP/1.1',
  headers = {},
}: HandshakeChanges = {}): string {
  const all: Record<string, string | undefined> = {
    Host: '127.0.0.1',
    Connection: 'Upgrade',
    Upgrade: 'websocket',
    'Sec-WebSocket-Version': '13',
    'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==',
    ...headers,
  };
  const lines = Object.entries(all).flatMap(([name, value]) => (value === undefined ? [] : [`${name}: ${value}`]));
  return [`${method} ${target ?? `/ws?token=${tokenFor()}`} ${version}`, ...lines, '', ''].join('\r\n');
}

function parseAnswer(received: Buffer, isHead: boolean): RawAnswer | undefined {
  const text = received.toString('latin1');
  const end = text.indexOf('\r\n\r\n');
  if (end < 0) return undefined;
  const [first = '', ...lines] = text.slice(0, end).split('\r\n');
  const headers = Object.fromEntries(
    lines.map((line) => {
      const colon = line.indexOf(':');
      return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
    }),
  );
  const body = text.slice(end + 4);
  // The answer to HEAD names the length of a body that does not come.
  if (!isHead && body.length < Number(headers['content-length'] ?? 0)) return undefined;
  return { status: Number(first.split(' ')[1]), lines, headers, body };
}
