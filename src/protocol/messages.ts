import type { ErrorPayload } from './errors.js';
import type { LossReason, Position, RecoveryFailure } from './position.js';

/** A room named by itself or in an object. */
export type RoomRef = string | { readonly room: string };

/** Payload of `join`. `recover` asks for what came after that position. */
export interface JoinPayload {
  readonly room: string;
  readonly recover?: Position | typeof LAST_ACKNOWLEDGED;
}

/** Payload of `join` for many rooms at once, as after a reconnect. Each entry is one `join`. */
export interface JoinManyPayload {
  readonly rooms: readonly (string | JoinPayload)[];
}

/** In place of a position: the one that the user acknowledged last, on whichever device. */
export const LAST_ACKNOWLEDGED = 'last';

/** Payload of `ack` from a member: it has dealt with everything up to this position. */
export interface ReceiptPayload extends Position {
  readonly room: string;
}

/** Payload of `room:message`. */
export interface PublishPayload {
  readonly room: string;
  /** Any JSON value. */
  readonly data: unknown;
  /** Makes the publish idempotent for the deduplication window. 1–128 characters. */
  readonly id?: string;
  /** Neither numbered nor kept: members who are catching up miss it. */
  readonly volatile?: boolean;
  /** Wait so long for members to acknowledge the message, and tell how many did. */
  readonly confirm?: { readonly timeoutMs: number };
}

/** Payload of `broadcast`: with a room the same as `room:message`, without one to every connection. */
export type BroadcastPayload = Omit<PublishPayload, 'room'> & { readonly room?: string };

/** Payload of `user:message`. */
export interface UserMessagePayload {
  readonly userId: string;
  readonly data: unknown;
  readonly id?: string;
}

/** Payload of `history`. */
export interface HistoryPayload {
  readonly room: string;
  readonly after?: Position;
  readonly limit?: number;
}

/** Payload of `auth:refresh`. */
export interface RefreshPayload {
  readonly token: string;
}

/** What a client may send, by type. */
export interface ClientMessages {
  ping: undefined;
  join: string | JoinPayload | JoinManyPayload;
  leave: RoomRef;
  'room:message': PublishPayload;
  broadcast: BroadcastPayload;
  'user:message': UserMessagePayload;
  presence: RoomRef;
  history: HistoryPayload;
  ack: ReceiptPayload;
  'auth:refresh': RefreshPayload;
}

/** One of a room's members. */
export interface Member {
  readonly clientId: string;
  readonly userId: string;
}

/** First frame of every connection. */
export interface ConnectedPayload extends Member {
  /** The server pings this often; silence for longer than twice this means that the connection is dead. */
  readonly heartbeatMs: number;
  readonly maxMessageBytes: number;
  /** How many messages the connection may send; absent where there is no bound. */
  readonly rate?: { readonly perSecond: number; readonly burst: number };
  /** When the token ends, in milliseconds since 1970; absent where it does not. */
  readonly expiresAt?: number;
  /** The rooms that the server put the connection in, with their positions. */
  readonly rooms: readonly JoinedPayload[];
}

/** Reply to `join`: every message after `offset` follows. */
export interface JoinedPayload extends Position {
  readonly room: string;
  /** Only in answer to `recover`: whether everything after the given position follows. */
  readonly recovered?: boolean;
  /** Why not. */
  readonly reason?: RecoveryFailure;
}

/** Of the many rooms of one `join`, a room that was not joined; nameless where the name was no valid one. */
export interface JoinRefusal {
  readonly room?: string;
  readonly error: ErrorPayload;
}

/** Reply to a publish. */
export interface AckPayload extends Partial<Position> {
  readonly room: string;
  readonly id: string;
  /** The id had been published before: this is the first one's position, and nobody got it twice. */
  readonly duplicate?: true;
  /** In answer to `confirm`: how many members had acknowledged the message by then. */
  readonly confirmed?: number;
  /** In answer to `confirm`: how many members there were to acknowledge it. */
  readonly members?: number;
  /** In answer to `confirm`: a node did not answer in time, there may be more of both. */
  readonly partial?: true;
}

/** A message as members get it. */
export interface RoomMessagePayload {
  readonly room: string;
  readonly data: unknown;
  /** The sender's user id; absent when the server itself published. */
  readonly from?: string;
  readonly id: string;
  /** Absent on a volatile message. */
  readonly offset?: number;
  /** Milliseconds since 1970, by the broker's clock. */
  readonly timestamp: number;
}

/** Messages up to `offset` are lost to this client. */
export interface GapPayload extends Position {
  readonly room: string;
  /** Nothing is lost after all: the room goes on in another epoch, and this is where the client stands in it. */
  readonly recovered?: true;
  readonly reason: LossAnnouncement;
}

export type LossAnnouncement = Exclude<RecoveryFailure, 'forbidden'> | 'dropped';

/** Reply to `presence`. */
export interface PresencePayload {
  readonly room: string;
  /** How many members there are. */
  readonly size: number;
  /** The members, or as many of them as one reply may list. */
  readonly members: readonly Member[];
  /** A node did not answer in time: there may be more. */
  readonly partial?: true;
}

/** Reply to `history`. The position is where the room stands. */
export interface HistoryReply extends Position {
  readonly room: string;
  /** In order, without a gap. */
  readonly messages: readonly RoomMessagePayload[];
  /** Whether there are more after these. */
  readonly more: boolean;
  /** Set when messages between the position asked for and the first one here are lost. */
  readonly reason?: LossReason;
}

/** What the server may send, by type. */
export interface ServerMessages {
  connected: ConnectedPayload;
  pong: undefined;
  ack: AckPayload | ReceiptPayload;
  'room:joined': JoinedPayload;
  'rooms:joined': { readonly rooms: readonly (JoinedPayload | JoinRefusal)[] };
  'room:left': { readonly room: string };
  'room:message': RoomMessagePayload;
  broadcast: Omit<RoomMessagePayload, 'room'>;
  'user:message': Omit<RoomMessagePayload, 'room'>;
  presence: PresencePayload;
  'presence:joined': Member & { readonly room: string };
  'presence:left': Member & { readonly room: string };
  'presence:changed': { readonly room: string; readonly size: number };
  history: HistoryReply;
  'room:gap': GapPayload;
  'auth:expiring': { readonly expiresAt: number };
  'auth:refreshed': { readonly expiresAt?: number };
  'server:draining': { readonly reconnectInMs: number };
  error: ErrorPayload;
}

export type ServerMessageType = keyof ServerMessages;
