import type { Position } from '../../src/protocol/position.js';
import type { RookeryError } from './errors.js';
import type { Gap, Invalid, Joined, Left, RoomMessage } from './messages.js';

/** What `room.on` tells of. */
export interface RoomEvents<Data> {
  /** A message, this client's own among them; each once and in order. */
  message: RoomMessage<Data>;
  /** Messages are lost to this client. */
  gap: Gap;
  /** The room was joined, for the first time or again after a reconnect. */
  joined: Joined;
  /** The client is not in the room any more. */
  left: Left;
  /** The room's validator did not take a message. */
  invalid: Invalid;
  /** Something went wrong that belongs to no call. */
  error: RookeryError;
}

/** `joining` is also a room that was joined, while there is no connection. */
export type RoomState = 'idle' | 'joining' | 'joined';

/** How to join. */
export interface JoinOptions {
  /** Gives the join up, and leaves the room if nobody else wants it joined. */
  readonly signal?: AbortSignal | undefined;
  /**
   * Where to go on: a position, or the one that the user has acknowledged last, on whichever device.
   *
   * @default the position that is stored, if there is one
   */
  readonly recover?: Position | 'last' | undefined;
}
