import { WebSocket } from 'ws';

import { ConnectionsService } from '../../../src/index.js';
import { eventually } from '../../../test/support/eventually.js';
import { cleanUp } from '../../../test/support/teardown.js';
import { tokenFor, type TestServer } from '../../../test/support/server.js';
import {
  RookeryClient,
  type AnyRooms,
  type ClientOptions,
  type Room,
  type RoomMessage,
  type StateChange,
} from '../../src/index.js';

/** Delays that a test need not wait for. */
export const SOON = { minDelayMs: 1, maxDelayMs: 20 } as const;

/** A client of the package as an application has it, closed at the end of the test. */
export function rookery<Rooms extends object = AnyRooms>(
  server: Pick<TestServer, 'ws'>,
  options: ClientOptions<Rooms> & { readonly user?: string } = {},
): RookeryClient<Rooms> {
  const { user = 'alice', ...rest } = options;
  const client = new RookeryClient<Rooms>(server.ws, {
    token: tokenFor({ sub: user }),
    WebSocket,
    reconnect: SOON,
    ...rest,
  });
  cleanUp(() => client.close());
  return client;
}

/** Keeps every message of a room. */
export function collect(room: Room): RoomMessage[] {
  const messages: RoomMessage[] = [];
  room.on('message', (message) => messages.push(message));
  return messages;
}

/** Keeps every change of a client's state. */
export function statesOf(client: RookeryClient): StateChange[] {
  const changes: StateChange[] = [];
  client.on('state', (change) => changes.push(change));
  return changes;
}

/** Resolves when there are so many. */
export const many = (messages: readonly unknown[], count: number): Promise<unknown> =>
  eventually(
    () => messages.length,
    (length) => length >= count,
  );

/** Closes every connection of the server with a code. */
export function closeAll(server: TestServer, code: number): void {
  for (const connection of server.app.get(ConnectionsService).all()) connection.close(code, 'test');
}
