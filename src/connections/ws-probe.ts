import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { duplexPair, type Duplex } from 'node:stream';

import { WebSocketServer } from 'ws';

import { StartError } from '../config/start-error.js';
import { ClientSocket } from './client-socket.js';
import { textFrame } from './frame.js';
import { hasUnfinishedMessage } from './ws-insides.js';

/** How long the check may take; a busy machine needs some milliseconds. */
const TIMEOUT_MS = 10_000;

/** Enough of an upgrade for `ws`; the key is the example of RFC 6455, section 1.3. */
const UPGRADE = {
  method: 'GET',
  headers: {
    upgrade: 'websocket',
    connection: 'Upgrade',
    'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
    'sec-websocket-version': '13',
  },
} as unknown as IncomingMessage;

/** Frames of a client, masked with zeros. */
const HALF_A_TEXT = Buffer.from([0x81, 0x84, 0, 0, 0, 0, ...Buffer.from('ha')]);
const OTHER_HALF = Buffer.from('lf');
const CLOSE_GOING_AWAY = Buffer.from([0x88, 0x82, 0, 0, 0, 0, 0x03, 0xe9]);
/** What `ws` answers to it. */
const CLOSE_ANSWER = Buffer.from([0x88, 0x02, 0x03, 0xe9]);

let checked: Promise<void> | undefined;

/** Checks the installed version of `ws` once in a process: see {@link probeWebSockets}. */
export function checkWebSockets(): Promise<void> {
  return (checked ??= probeWebSockets(ClientSocket));
}

/**
 * Checks that `ws` behaves as this server relies on: an unfinished message shows, frames may be written past its
 * sender, and its answer to a close goes through `close()`.
 *
 * @throws StartError naming what does not hold
 */
export async function probeWebSockets(Socket: typeof ClientSocket): Promise<void> {
  try {
    await probe(Socket);
  } catch (error) {
    // An abort has its reason as its cause.
    const { message } = ((error as Error).cause ?? error) as Error;
    throw new StartError(
      `The installed version of "ws" does not work as Rookery needs it: ${message}. Install the version that Rookery's package.json names.`,
    );
  }
}

async function probe(Socket: typeof ClientSocket): Promise<void> {
  const [near, far] = duplexPair();
  const ended = new AbortController();
  near.once('close', () => ended.abort(new Error('the connection ends early')));
  const signal = AbortSignal.any([AbortSignal.timeout(TIMEOUT_MS), ended.signal]);
  let closes = 0;
  class Probed extends Socket {
    override close(...how: Parameters<ClientSocket['close']>): void {
      closes += 1;
      super.close(...how);
    }
  }
  try {
    const ws = await accept(near, Probed);
    const { written, until } = recorder(far, signal);
    await until(() => written().includes('\r\n\r\n'));

    const arrived = once(near, 'data', { signal });
    far.write(HALF_A_TEXT);
    await arrived;
    assert.ok(hasUnfinishedMessage(ws), 'an unfinished message does not show');
    const message = once(ws, 'message', { signal });
    far.write(OTHER_HALF);
    assert.equal(String((await message)[0]), 'half', 'a message in two pieces gets lost');
    assert.ok(!hasUnfinishedMessage(ws), 'a whole message looks unfinished');

    const frame = textFrame('past the sender');
    const expected = Buffer.concat([frame, CLOSE_ANSWER]).toString('latin1');
    near.write(frame);
    far.write(CLOSE_GOING_AWAY);
    await until(() => written().endsWith(expected));
    assert.equal(closes, 1, 'a close is answered without close()');
  } finally {
    near.destroy();
    far.destroy();
  }
}

function accept(near: Duplex, Socket: typeof ClientSocket): Promise<ClientSocket> {
  const server = new WebSocketServer({ noServer: true, clientTracking: false, WebSocket: Socket });
  return new Promise((resolve) => {
    server.handleUpgrade(UPGRADE, near, Buffer.alloc(0), (ws) => {
      ws.on('error', ignore);
      resolve(ws);
    });
  });
}

/** Collects what arrives at the client's end. */
function recorder(
  far: Duplex,
  signal: AbortSignal,
): { written: () => string; until: (met: () => boolean) => Promise<void> } {
  let text = '';
  far.on('data', (piece: Buffer) => {
    text += piece.toString('latin1');
  });
  const until = async (met: () => boolean): Promise<void> => {
    while (!met()) await once(far, 'data', { signal });
  };
  return { written: () => text, until };
}

function ignore(): void {
  // What fails shows in what does not arrive.
}
