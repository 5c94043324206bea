import type { Position, RecoveryFailure } from '../../src/protocol/position.js';
import type { RookeryError } from './errors.js';
import type { StandardIssue } from './standard-schema.js';

/** A message that everybody or this user got. */
export interface DirectMessage<Data = unknown> {
  readonly data: Data;
  /** The sender's user id; absent when the server itself published. */
  readonly from?: string;
  /** The publisher's name for the message, or the server's. */
  readonly id: string;
  /** Where the message stands in its room; absent on a volatile one. */
  readonly epoch?: string;
  readonly offset?: number;
  /** Milliseconds since 1970: of the server's clock, and of this machine's where the message is this client's own. */
  readonly timestamp: number;
}

/** A message of a room. */
export interface RoomMessage<Data = unknown> extends DirectMessage<Data> {
  readonly room: string;
}

/**
 * Messages up to this position are lost to this client; what follows is complete again. With `epoch`, the position may
 * be behind the latest message: what came after it is no part of the room's history any more.
 */
export interface Gap extends Position {
  readonly room: string;
  /**
   * `epoch`: the server lost the end of the room's history; `trimmed`, `expired`: the server does not keep them any more;
   * `dropped`: the client read too slowly; `forbidden`: the user may not read history.
   */
  readonly reason: RecoveryFailure | 'dropped';
}

/** Where a join begins. */
export interface Joined extends Position {
  readonly room: string;
  /** Present where the join was to go on from a position: whether everything after it follows. */
  readonly recovered?: boolean;
  /** Why not. */
  readonly reason?: RecoveryFailure;
}

/** A room that this client is not in any more. */
export interface Left {
  readonly room: string;
  /** Why; absent where `leave()` was called. */
  readonly error?: RookeryError | undefined;
}

/** A message that the room's validator did not take. */
export interface Invalid {
  readonly message: RoomMessage;
  readonly issues: readonly StandardIssue[];
}

/** What the server says of a publish. */
export interface Published {
  /** The room it was published in; `@all` and `@user:<id>` where it was to everybody or to a user. */
  readonly room: string;
  readonly id: string;
  /** Where the message stands in its room; absent for a volatile one. */
  readonly epoch?: string;
  readonly offset?: number;
  /** The id had been published before: nobody gets the message again. */
  readonly duplicate?: true;
  /** Where `confirm` was asked for: how many members had acknowledged the message by then. */
  readonly confirmed?: number;
  /** Where `confirm` was asked for: how many members there were to acknowledge it. */
  readonly members?: number;
}

/** How to publish. */
export interface PublishOptions {
  /**
   * Makes the publish idempotent for as long as the server remembers (5 minutes, unless it is set otherwise): with the
   * same id, room and user it takes effect once. 1 to 128 characters.
   *
   * @default a random one
   */
  readonly id?: string | undefined;
  /**
   * For what is worth nothing a moment later: sent at once or not at all (`OFFLINE`, `RATE_LIMITED`), neither numbered
   * nor kept nor repeated. Comes to the other members only, unless the room sends everybody their own.
   *
   * @default false
   */
  readonly volatile?: boolean | undefined;
  /**
   * Wait so long, in milliseconds (1 to 60,000), for the members to acknowledge the message, and tell how many did.
   * The server answers later requests of this client after this one.
   */
  readonly confirm?: { readonly timeoutMs: number } | undefined;
  /**
   * Milliseconds after which the publish is given up, those without a connection included; 0 for none.
   *
   * @default the client's `publishTimeoutMs`
   */
  readonly timeoutMs?: number | undefined;
  /** Gives the publish up. What was sent already may take effect. */
  readonly signal?: AbortSignal | undefined;
}
