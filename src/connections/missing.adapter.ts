import type { WebSocketAdapter } from '@nestjs/common';

import { StartError } from '../config/start-error.js';

const FORGOTTEN =
  'RookeryModule is imported, but its adapter is missing: call app.useWebSocketAdapter(new RookeryAdapter(app)) before app.listen().';

/**
 * Stands in for the adapter until the application sets one. Nest would otherwise look for a Socket.IO package, and end
 * the process with advice to install it.
 */
export class MissingAdapter implements WebSocketAdapter {
  create(): never {
    throw new StartError(FORGOTTEN);
  }

  bindClientConnect(): never {
    throw new StartError(FORGOTTEN);
  }

  bindMessageHandlers(): never {
    throw new StartError(FORGOTTEN);
  }

  close(): void {
    // Nothing was opened.
  }

  /** Called by Nest when the application is closed. */
  dispose(): void {
    // Nothing was opened.
  }
}
