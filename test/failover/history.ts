import type { HistoryReply } from '../../src/protocol/messages.js';
import { tokenFor } from '../support/server.js';
import type { Position } from '../../src/protocol/position.js';

const PAGE = 1000;

/** The history of a room, read over REST page by page. */
export interface RoomHistory extends Position {
  /** Offsets by the ids of the messages. */
  readonly offsets: ReadonlyMap<string, number>;
}

export async function readHistory(address: string, room: string): Promise<RoomHistory> {
  const offsets = new Map<string, number>();
  let after: Position | undefined;
  for (;;) {
    const page = await read(address, room, PAGE, after);
    for (const { id, offset = Number.NaN } of page.messages) offsets.set(id, offset);
    const last = page.messages.at(-1)?.offset;
    if (!page.more || last === undefined) return { epoch: page.epoch, offset: page.offset, offsets };
    after = { epoch: page.epoch, offset: last };
  }
}

/** Returns the position of a room. */
export async function readHead(address: string, room: string): Promise<Position> {
  const { epoch, offset } = await read(address, room, 1);
  return { epoch, offset };
}

async function read(address: string, room: string, limit: number, after?: Position): Promise<HistoryReply> {
  const query = new URLSearchParams({ limit: String(limit) });
  if (after !== undefined) {
    query.set('epoch', after.epoch);
    query.set('offset', String(after.offset));
  }
  const response = await fetch(`http://${address}/api/rooms/${room}/messages?${query.toString()}`, {
    headers: { authorization: `Bearer ${tokenFor({ scope: 'admin' })}` },
  });
  if (!response.ok) throw new Error(`${response.status} ${await response.text()}`);
  return (await response.json()) as HistoryReply;
}
