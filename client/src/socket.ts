import { BEARER_SUBPROTOCOL_PREFIX, SUBPROTOCOL } from '../../src/protocol/envelope.js';
import type { End } from './machine.js';
import type { WebSocketConstructor, WebSocketLike } from './options.js';
import { readRefusal, type Answer } from './refusal.js';

/** What `ws` has besides what browsers have. */
interface NodeSocket {
  on?(event: 'unexpected-response', listener: (request: { destroy(): void }, response: Answer) => void): void;
  terminate?(): void;
}

export interface SocketListener {
  onText(text: string): void;
  onEnd(end: End): void;
}

/**
 * One attempt to have a connection, and the connection. After `drop` and `goodbye` nothing is heard of it any more.
 *
 * @throws what the constructor throws: for an address that is none, for instance
 */
export function openSocket(
  WebSocket: WebSocketConstructor,
  url: string,
  token: string | undefined,
  listener: SocketListener,
) {
  const protocols = token === undefined ? [SUBPROTOCOL] : [SUBPROTOCOL, BEARER_SUBPROTOCOL_PREFIX + token];
  const socket: WebSocketLike & NodeSocket = new WebSocket(url, protocols);
  let isOver = false;
  /** The network's own words, which `ws` and Node have and browsers do not. */
  let failure: End = {};
  const end = (how: End): void => {
    if (!isOver) listener.onEnd(how);
  };
  socket.addEventListener('message', ({ data }: { data?: unknown }) => {
    if (!isOver && typeof data === 'string') listener.onText(data);
  });
  socket.addEventListener('close', ({ code = 1006, reason = '' }: { code?: number; reason?: string }) => {
    end({ code, ...(reason ? { reason } : failure) });
  });
  // A close follows; without a listener, `ws` would throw.
  socket.addEventListener('error', (event: { message?: string; error?: unknown }) => {
    // The build for browsers goes without what has this label.
    NODE: failure = { reason: event.message, cause: event.error };
  });
  NODE: socket.on?.('unexpected-response', (request, answer) => {
    readRefusal(answer, (refusal) => {
      request.destroy();
      end(refusal);
    });
  });
  return {
    send: (text: string) => socket.send(text),
    drop: () => {
      isOver = true;
      NODE: socket.terminate?.();
      // Closing waits for the other side, which may not be there; but browsers have nothing else.
      socket.close();
    },
    goodbye: () => {
      isOver = true;
      socket.close(1000);
    },
  };
}

export type Socket = ReturnType<typeof openSocket>;
