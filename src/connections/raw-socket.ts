import type { Socket } from 'node:net';

import type { WebSocket } from 'ws';

/**
 * The only file that knows the insides of `ws`, held by tests against the pinned version. Ready-made frames go past
 * its sender straight to the socket: the sender would look at each of them again for every member. Its own frames
 * (pongs, close) are written whole, so that the two can only meet between frames.
 */
interface Insides {
  readonly _socket: Socket | null;
  readonly _receiver: { readonly _fragments: readonly unknown[]; readonly _bufferedBytes: number } | null;
}

function insidesOf(ws: WebSocket): Insides {
  return ws as unknown as Insides;
}

/** The socket below an open WebSocket. */
export function rawSocketOf(ws: WebSocket): Socket {
  const socket = insidesOf(ws)._socket;
  if (socket === null) throw new Error('The WebSocket has no socket any more');
  return socket;
}

/** True while part of a frame or of a fragmented message is waiting for the rest. */
export function hasUnfinishedMessage(ws: WebSocket): boolean {
  const receiver = insidesOf(ws)._receiver;
  return receiver !== null && (receiver._fragments.length > 0 || receiver._bufferedBytes > 0);
}
