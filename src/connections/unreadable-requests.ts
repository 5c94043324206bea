import { maxHeaderSize as NODE_LIMIT, type Server, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

import type { RefusalCode } from '../protocol/refusals.js';

/** Node's own limit on header bytes where nobody has set another. */
const NODE_DEFAULT_LIMIT = 16 * 1024;
/** Name of the listener that Fastify registers by itself: it answers without a code. */
const FASTIFY_DEFAULT = 'bound defaultClientErrorHandler';

/** Where Node keeps the response that a socket is for at the moment; its own answers look at it as well. */
const RESPONSE = '_httpMessage';

/** Properties of Node's that its types lack. */
type LimitedServer = Server & { maxHeaderSize?: number };
type HttpSocket = Socket & { readonly [RESPONSE]?: ServerResponse | null };

/**
 * Sets the limit on a request's header bytes for connections to come. A limit that the application has given its
 * server stands, and so does one on Node's command line.
 */
export function limitHeaders(server: Server, bytes: number): void {
  const limited: LimitedServer = server;
  if (limited.maxHeaderSize === undefined && NODE_LIMIT === NODE_DEFAULT_LIMIT) limited.maxHeaderSize = bytes;
}

/**
 * Answers requests that Node cannot read, and which therefore reach no route and no upgrade: too many header bytes,
 * too slow, no HTTP. Where the application has a listener of its own for them, that one answers.
 *
 * @param refuse counts a refusal, and answers with it where there is a socket
 * @returns a function that ends it
 */
export function answerUnreadableRequests(
  server: Server,
  refuse: (code: RefusalCode, socket?: Socket) => void,
): () => void {
  const onError = (error: NodeJS.ErrnoException, socket: HttpSocket): void => {
    // Answered already: what still comes in fails once more with each piece.
    if (socket.writableEnded) return;
    const code = socket.bytesRead > 0 ? refusalFor(error.code) : undefined;
    const isOurs = server.listenerCount('clientError') === 1;
    // The client is gone, has never said anything, or reads another answer at this moment.
    const isMute = code === undefined || !socket.writable || socket[RESPONSE]?.headersSent === true;
    if (code !== undefined) refuse(code, isOurs && !isMute ? socket : undefined);
    if (isOurs && isMute) socket.destroy();
  };
  for (const listener of server.listeners('clientError')) {
    if (listener.name === FASTIFY_DEFAULT) server.off('clientError', listener as () => void);
  }
  server.on('clientError', onError);
  return () => server.off('clientError', onError);
}

/** Returns undefined for errors of the network, which are no fault of the request. */
function refusalFor(code = ''): RefusalCode | undefined {
  if (code === 'HPE_HEADER_OVERFLOW') return 'HEADERS_TOO_LARGE';
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') return 'REQUEST_TIMEOUT';
  return code.startsWith('HPE_') ? 'BAD_REQUEST' : undefined;
}
