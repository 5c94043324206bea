// Checked by the compiler alone: each line under an expectation must not compile.
import { WebSocket } from 'ws';

import { RookeryClient, StoragePositions, type Room, type StandardSchemaV1 } from '../src/index.js';

interface Chat {
  readonly text: string;
}
interface Presence {
  readonly at: number;
}

/** Never true of `any`, which would take everything. */
type Same<A, B> = 0 extends 1 & A ? false : [A] extends [B] ? ([B] extends [A] ? true : false) : false;

declare const client: RookeryClient<{ 'chat:*': Chat; 'chat:*:presence': Presence; lobby: string }>;

export async function typedByAMap(): Promise<void> {
  const chat = client.room('chat:1');
  void (true satisfies Same<typeof chat, Room<Chat, Chat>>);
  await chat.publish({ text: 'hello' });
  // @ts-expect-error -- not what the room holds
  await chat.publish({ words: 'hello' });
  // @ts-expect-error -- a message has to have something
  await chat.publish();
  chat.on('message', ({ data }) => true satisfies Same<typeof data, Chat>);
  // @ts-expect-error -- no such event
  chat.on('messages', () => undefined);
  await client.room('lobby').publish('hello');
  // @ts-expect-error -- the lobby holds text
  await client.room('lobby').publish({ text: 'hello' });
  // @ts-expect-error -- no pattern takes this name
  client.room('other');
  // @ts-expect-error -- nor a name that is known only at run time
  client.room(String(process.pid));
  const presence = client.room('chat:1:presence');
  void (true satisfies Same<typeof presence, Room<Presence, Presence>>);
  for await (const { data } of chat) void (true satisfies Same<typeof data, Chat>);
  for await (const { data } of chat.history({ limit: 10 })) void (true satisfies Same<typeof data, Chat>);
  // @ts-expect-error -- it is read, not written
  client.state = 'closed';
  // @ts-expect-error -- a timeout is a number
  await chat.publish({ text: 'hello' }, { timeoutMs: '1s' });
}

declare const perhaps: { id?: string; signal?: AbortSignal; timeoutMs?: number };

/** What may be missing may be given as it is, also with `exactOptionalPropertyTypes`. */
export async function optionsThatMayBeMissing({ id, signal, timeoutMs } = perhaps): Promise<void> {
  const room = client.room('lobby');
  await room.join({ signal });
  await room.publish('hello', { id, signal, timeoutMs, volatile: undefined, confirm: undefined });
  await client.request('x', undefined, { signal, timeoutMs });
  void new StoragePositions(undefined, { prefix: id });
}

declare const counter: StandardSchemaV1<string, number>;
declare const anything: StandardSchemaV1;

export async function typedByValidators(): Promise<void> {
  const checked = new RookeryClient('ws://127.0.0.1', { rooms: { 'count:*': counter, '*': anything }, WebSocket });
  const count = checked.room('count:1');
  void (true satisfies Same<typeof count, Room<number, string>>);
  await count.publish('1');
  // @ts-expect-error -- what a validator takes is published, not what it makes of it
  await count.publish(1);
  const other = checked.room('other');
  void (true satisfies Same<typeof other, Room>);
  // @ts-expect-error -- not a validator
  void new RookeryClient('ws://127.0.0.1', { rooms: { 'count:*': 1 } });
}

export async function withoutTypes(): Promise<void> {
  const untyped = new RookeryClient(new URL('ws://127.0.0.1'), { token: () => 'token' });
  const room = untyped.room(String(process.pid));
  await room.publish({ any: 'thing' });
  // @ts-expect-error -- what came off the wire has to be looked at first
  room.on('message', ({ data }) => data.text);
  // @ts-expect-error -- no such state
  untyped.on('state', ({ state }) => state === 'open');
  // @ts-expect-error -- no such setting
  void new RookeryClient('ws://127.0.0.1', { tokens: 'x' });
  // @ts-expect-error -- an address is needed
  void new RookeryClient();
}
