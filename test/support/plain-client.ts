import { once } from 'node:events';

import { WebSocket } from 'ws';

import { TestClient } from './client.js';
import { cleanUp } from './teardown.js';

/** A client that knows nothing of Rookery: an address and text frames. The frames it gets wait in a queue. */
export async function plainClient(address: string): Promise<TestClient> {
  const socket = new WebSocket(address);
  const client = new TestClient(socket);
  cleanUp(() => socket.terminate());
  await once(socket, 'open');
  return client;
}
