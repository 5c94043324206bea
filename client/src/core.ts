import type { RookeryError } from './errors.js';
import type { FeedContext } from './feed.js';
import type { Memberships } from './memberships.js';
import type { PositionKeeper } from './position-keeper.js';
import type { Publisher } from './publisher.js';
import type { Rooms } from './rooms.js';
import type { RequestOptions, Wire } from './wire.js';

/** What rooms need of their client. */
export interface Core extends FeedContext {
  readonly wire: Wire;
  readonly memberships: Memberships;
  readonly publisher: Publisher;
  readonly keeper: PositionKeeper;
  readonly rooms: Rooms;
  /** @throws RookeryError `CLOSED` when nothing can be asked for any more */
  checkOpen(): void;
  /** @returns the reply's payload */
  request(type: string, payload: unknown, options?: RequestOptions): Promise<unknown>;
  /** Tells of an error that belongs to no call. */
  readonly report: (error: RookeryError, room?: { emit(name: 'error', error: RookeryError): boolean }) => void;
}
