import { createServer, type RequestListener } from 'node:http';

import { ExpressAdapter } from '@nestjs/platform-express';

/** How long a client may take to send the head of a request. */
const HEADERS_TIMEOUT_MS = 10_000;
/** How long it may take to send all of it. */
const REQUEST_TIMEOUT_MS = 30_000;
/** How often Node looks at the two above; its own default would add half a minute. */
const CHECK_INTERVAL_MS = 2000;
const MAX_HEADERS = 100;

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
}
