import { ConnectionsService } from '../../src/index.js';
import type { GapPayload, RoomMessagePayload } from '../../src/protocol/messages.js';
import type { TestClient } from './client.js';
import { eventually } from './eventually.js';
import { publish } from './messages.js';
import type { TestServer } from './server.js';

export const OUTBOX_BYTES = 64 * 1024;

/** Settings under which the outbox of a member that does not read is full before long. */
export const SMALL_OUTBOX = { outboxBytes: OUTBOX_BYTES, rateLimit: 0 };

/** A stalled socket takes some megabytes before anything waits: a few batches of large messages get there. */
export const BATCH: readonly string[] = Array<string>(20).fill('x'.repeat(16 * 1024));

/** What waits for the one connection of a user, and whether that is as much as may. */
export function outboxOf(server: TestServer, userId: string): { readonly backlog: number; readonly full: boolean } {
  for (const connection of server.app.get(ConnectionsService).all()) {
    if (connection.userId === userId) return connection.outbox;
  }
  throw new Error(`${userId} has no connection`);
}

/** Publishes until what more there is cannot be for the member that does not read. */
export async function publishUntilFull(
  server: TestServer,
  publisher: TestClient,
  room: string,
  userId: string,
): Promise<void> {
  let full = 0;
  await eventually(
    async () => {
      await publish(publisher, room, BATCH);
      // The kernel may take a little more now and then.
      full = outboxOf(server, userId).full ? full + 1 : 0;
      return full;
    },
    (times) => times >= 3,
  );
}

export interface Reading {
  readonly messages: readonly RoomMessagePayload[];
  /** What was announced as lost, each at its place among the messages. */
  readonly gaps: readonly GapPayload[];
}

/** Reads on until it stands at an offset, and fails where a message does not follow the one before. */
export async function readUpTo(member: TestClient, offset: number): Promise<Reading> {
  const messages: RoomMessagePayload[] = [];
  const gaps: GapPayload[] = [];
  let position = 0;
  while (position < offset) {
    const { type, payload } = await member.nextWhere(
      (frame) => frame.type === 'room:message' || frame.type === 'room:gap',
      `what follows ${position}`,
    );
    if (type === 'room:gap') {
      const gap = payload as GapPayload;
      if (gap.offset <= position) throw new Error(`a gap that goes back from ${position} to ${gap.offset}`);
      gaps.push(gap);
      position = gap.offset;
    } else {
      const message = payload as RoomMessagePayload;
      if (message.offset !== position + 1) throw new Error(`${message.offset} came after ${position}`);
      messages.push(message);
      position += 1;
    }
  }
  return { messages, gaps };
}
