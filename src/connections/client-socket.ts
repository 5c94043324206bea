import { WebSocket } from 'ws';

import type { Connection } from './connection.js';

/** The WebSocket of a client, which leads its events to its connection without a closure for each. */
export class ClientSocket extends WebSocket {
  connection: Connection | undefined;
}
