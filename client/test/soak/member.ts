import { RookeryClient, type Room } from '../../src/index.js';
import { WebSocket } from 'ws';

import { tokenFor } from '../../../test/support/server.js';
import { cleanUp } from '../../../test/support/teardown.js';

/** What a member was given, in the order in which it was. */
export type Seen =
  | { readonly kind: 'message'; readonly id: string; readonly offset: number }
  | { readonly kind: 'gap'; readonly offset: number; readonly epoch: string; readonly reason: string };

/** One client in one room, which publishes and writes down what it sees. */
export class Member {
  readonly seen: Seen[] = [];
  /** What the server has acknowledged: the place of each message by its id. */
  readonly acknowledged = new Map<string, { readonly epoch: string; readonly offset: number }>();
  readonly failures: string[] = [];
  /** How often it was connected. */
  connects = 0;
  private readonly pending = new Set<Promise<void>>();
  private readonly client: RookeryClient;
  readonly room: Room<{ readonly n: number }>;

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
    this.client.on('state', ({ state }) => (this.connects += Number(state === 'connected')));
    this.client.on('error', ({ code }) => this.failures.push(code));
    this.room = this.client.room(room) as Room<{ readonly n: number }>;
    this.room.on('message', ({ id, offset }) => this.seen.push({ kind: 'message', id, offset: offset ?? NaN }));
    this.room.on('gap', ({ epoch, offset, reason }) => this.seen.push({ kind: 'gap', epoch, offset, reason }));
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
