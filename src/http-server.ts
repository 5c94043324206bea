import { createServer, type RequestListener, type Server } from 'node:http';

import { ExpressAdapter } from '@nestjs/platform-express';

/** How long a client may take to send the head of a request. */
const HEADERS_TIMEOUT_MS = 10_000;
/** How long it may take to send all of it. */
const REQUEST_TIMEOUT_MS = 30_000;
/** How often Node looks at the two above; its own default would add half a minute. */
const CHECK_INTERVAL_MS = 2000;
const MAX_HEADERS = 100;
/**
 * Connections that may wait to be accepted. The clients of a lost node come within seconds, and with Node's default of
 * 511 many of their attempts would fail. The system lowers it to its own limit (`net.core.somaxconn` on Linux).
 */
const BACKLOG = 4096;

/**
 * Express on an HTTP server that silent and dripping clients cannot hold on to. `RookeryAdapter` sets the limit on header
 * bytes, which is a setting.
 */
export class BoundedExpressAdapter extends ExpressAdapter {
  override initHttpServer(): void {
    const server = createServer(
      {
        headersTimeout: HEADERS_TIMEOUT_MS,
        requestTimeout: REQUEST_TIMEOUT_MS,
        connectionsCheckingInterval: CHECK_INTERVAL_MS,
      },
      this.getInstance<RequestListener>(),
    );
    server.maxHeadersCount = MAX_HEADERS;
    // A socket on which nothing is asked is closed; upgraded ones are out of this.
    server.setTimeout(REQUEST_TIMEOUT_MS);
    this.httpServer = server;
  }

  override listen(port: string | number, callback?: () => void): Server;
  override listen(port: string | number, hostname: string, callback?: () => void): Server;
  override listen(port: string | number, ...rest: (string | (() => void) | undefined)[]): Server {
    const [hostname] = rest;
    const callback = rest.find((argument) => typeof argument === 'function');
    const server = this.httpServer as Server;
    if (typeof hostname === 'string') return server.listen(Number(port), hostname, BACKLOG, callback);
    return server.listen(port, BACKLOG, callback);
  }
}
