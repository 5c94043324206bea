import { WebSocket } from 'ws';

import type { Connection } from './connection.js';

/** The WebSocket of a client, which leads its events to its connection without a closure for each. */
export class ClientSocket extends WebSocket {
  connection: Connection | undefined;

  /** Also called by `ws` itself, to answer a close and a broken frame: no message may follow the close frame. */
  override close(code?: number, data?: string | Buffer): void {
    this.connection?.outbox.end();
    super.close(code, data);
  }
}
