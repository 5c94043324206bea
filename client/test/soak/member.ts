import { WebSocket } from 'ws';

import { tokenFor } from '../../../test/support/server.js';
import { cleanUp } from '../../../test/support/teardown.js';
import type { Position } from '../../../src/protocol/position.js';
import { RookeryClient, type Room } from '../../src/index.js';
import type { Seen } from './seen.js';

/** One client in one room, which publishes and writes down what it sees. */
export class Member {
  readonly seen: Seen[] = [];
  /** What the server has acknowledged: the place of each message by its id. */
  readonly acknowledged = new Map<string, Position>();
  /** What went wrong; empty when all is well. */
  readonly failures: string[] = [];
  /** How often it was connected. */
  connects = 0;
  readonly room: Room;
  private readonly client: RookeryClient;
  private readonly pending = new Set<Promise<void>>();

  constructor(
    url: string,
    readonly userId: string,
    room: string,
  ) {
    this.client = new RookeryClient(url, {
      token: () => tokenFor({ sub: userId }),
      WebSocket,
      reconnect: { minDelayMs: 50, maxDelayMs: 1000 },
    });
    cleanUp(() => this.client.close());
    this.client.on('state', ({ state, previous }) => {
      if (state === 'connected' && previous !== 'connected') this.connects += 1;
    });
    this.client.on('error', (error) => this.failures.push(String(error)));
    this.room = this.client.room(room);
    this.room.on('message', ({ id, epoch = '', offset = NaN }) =>
      this.seen.push({ kind: 'message', id, epoch, offset }),
    );
    this.room.on('gap', ({ epoch, offset, reason }) => this.seen.push({ kind: 'gap', epoch, offset, reason }));
    this.room.on('error', (error) => this.failures.push(String(error)));
    this.room.on('left', ({ error }) => this.failures.push(`left: ${String(error)}`));
  }

  get isConnected(): boolean {
    return this.client.state === 'connected';
  }

  /** Publishes without waiting for what was published before. */
  publish(n: number): void {
    const publishing = this.room
      .publish({ n })
      .then(({ id, epoch = '', offset = NaN }) => {
        if (this.acknowledged.has(id)) this.failures.push(`${id} was acknowledged twice`);
        this.acknowledged.set(id, { epoch, offset });
      })
      .catch((error: unknown) => void this.failures.push(String(error)))
      .finally(() => this.pending.delete(publishing));
    this.pending.add(publishing);
  }

  /** Resolves when all that it has published is settled. */
  async settled(): Promise<void> {
    await Promise.all(this.pending);
  }
}

/** Members of as many rooms, all of them in. */
export async function startMembers(url: string, { members, rooms }: { members: number; rooms: number }) {
  const all = Array.from({ length: members }, (_, n) => new Member(url, `u${n}`, `soak:${n % rooms}`));
  await Promise.all(all.map(({ room }) => room.join()));
  return all;
}

/** The members of each room. */
export function byRoom(members: readonly Member[]): Member[][] {
  const names = new Set(members.map(({ room }) => room.name));
  return [...names].map((name) => members.filter(({ room }) => room.name === name));
}
