import type { AckPayload, RoomMessagePayload } from '../../src/protocol/messages.js';
import type { TestClient } from './client.js';

/** The whole numbers from one to another, both included. */
export function range(first: number, last: number): number[] {
  return Array.from({ length: last - first + 1 }, (_none, index) => first + index);
}

/** Publishes one message; fails when it is not accepted. */
export async function send(client: TestClient, payload: object, type = 'room:message'): Promise<AckPayload> {
  const reply = await client.request(type, payload);
  if (reply.type !== 'ack') throw new Error(`${type} was answered by ${reply.type} ${JSON.stringify(reply.payload)}`);
  return reply.payload as AckPayload;
}

/** Publishes one message for each piece of data, in order, and waits until all are accepted. */
export function publish(client: TestClient, room: string, data: readonly unknown[]): Promise<AckPayload[]> {
  return Promise.all(data.map((item) => send(client, { room, data: item })));
}

/** The next messages of a room that this client gets, so many of them. */
export async function receive(client: TestClient, room: string, count: number): Promise<RoomMessagePayload[]> {
  const messages: RoomMessagePayload[] = [];
  while (messages.length < count) {
    const { payload } = await client.nextWhere(
      (frame) => frame.type === 'room:message' && frame.payload.room === room,
      `message ${messages.length + 1} of ${count} in ${room}`,
    );
    messages.push(payload as RoomMessagePayload);
  }
  return messages;
}

export function offsetsOf(messages: readonly { readonly offset?: number }[]): (number | undefined)[] {
  return messages.map(({ offset }) => offset);
}

export function dataOf(messages: readonly { readonly data: unknown }[]): unknown[] {
  return messages.map(({ data }) => data);
}

/** The member has got these messages of the room, and nothing else. */
export async function expectOnly(member: TestClient, room: string, data: readonly unknown[]): Promise<void> {
  expect(dataOf(await receive(member, room, data.length))).toEqual(data);
  await member.settle();
  expect(member.queue).toEqual([]);
}
