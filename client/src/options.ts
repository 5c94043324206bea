import type { PositionStore } from './positions.js';
import type { StandardSchemaV1 } from './standard-schema.js';

/** What a token function is told. */
export interface TokenContext {
  /** `connect`: for a connection; `expiring`: the token in use ends soon; `refused`: the server did not take the last one. */
  readonly reason: 'connect' | 'expiring' | 'refused';
  /** Aborted when the token is not needed any more, or took longer than `connectTimeoutMs`. */
  readonly signal: AbortSignal;
}

/**
 * Gives a token each time one is needed. One that throws is asked again, with the delays of a reconnect. One that
 * throws a `RookeryError` with the code `SIGNED_OUT` closes the client: it makes no further attempt.
 *
 * @example
 * const token: TokenFunction = async ({ signal }) => {
 *   const answer = await fetch('/token', { signal });
 *   if (answer.status === 401) throw new RookeryError('SIGNED_OUT', 'The session has ended');
 *   return answer.text();
 * };
 */
export type TokenFunction = (context: TokenContext) => string | Promise<string>;

/** The part of a WebSocket that this package uses: that of browsers, of Node, and of `ws`. */
export interface WebSocketLike {
  /** Has something done when a message comes, and when the connection ends or cannot be had. */
  addEventListener(name: 'message' | 'close' | 'error', listener: (event: object) => void): void;
  /** Sends a text message. */
  send(data: string): void;
  /** Closes in good order. */
  close(code?: number, reason?: string): void;
}

/** The constructor of such a WebSocket. */
export type WebSocketConstructor = new (url: string, protocols: string[]) => WebSocketLike;

/** Validators by room pattern. */
export type Schemas = Readonly<Record<string, StandardSchemaV1>>;

/** Settings of a client. Durations are milliseconds. */
export interface ClientOptions<Rooms> {
  /** The token, or a function that gives one each time. It goes into the handshake's subprotocols, never into the address. */
  readonly token?: string | TokenFunction | undefined;
  /**
   * The user's name, for servers with `AUTH=none`. Beside a token it tells in advance whose positions to look up, so that
   * messages to the user are recovered over a reload of the page, too.
   */
  readonly userId?: string | undefined;
  /**
   * A validator (Standard Schema) for each pattern of room names; `*` stands for any text. Of several patterns that take
   * a name, the most specific one counts. The types of what is published and received follow from them.
   */
  readonly rooms?: (Rooms & Schemas) | undefined;
  /** @default the platform's own */
  readonly WebSocket?: WebSocketConstructor | undefined;
  /**
   * Whether to connect without being told to.
   *
   * @default true
   */
  readonly autoConnect?: boolean | undefined;
  /**
   * When to try again. Each delay is drawn between `minDelayMs` and an upper bound: the time that was waited so far,
   * or twice `minDelayMs` if that is more. For the first delay after a connection is lost, the bound is at least eight
   * times `minDelayMs`.
   */
  readonly reconnect?: ReconnectOptions | undefined;
  /**
   * How long an attempt to connect may take, the token function included; 0 for no bound.
   *
   * @default 10_000
   */
  readonly connectTimeoutMs?: number | undefined;
  /**
   * How long a reply may take, the wait for a connection included; 0 for no bound.
   *
   * @default 10_000
   */
  readonly requestTimeoutMs?: number | undefined;
  /** How a connection is found dead that has not been closed. */
  readonly liveness?: LivenessOptions | undefined;
  /** What waits to be published. */
  readonly queue?: QueueOptions | undefined;
  /**
   * How long a publish may take, the wait for a connection included; 0 for no bound.
   *
   * @default 0
   */
  readonly publishTimeoutMs?: number | undefined;
  /**
   * Where positions of rooms are kept.
   *
   * @default in memory
   */
  readonly positions?: PositionStore | undefined;
}

/** When to try again after a connection or an attempt has failed. */
export interface ReconnectOptions {
  /** @default 500 */
  readonly minDelayMs?: number | undefined;
  /** @default 30_000 */
  readonly maxDelayMs?: number | undefined;
  /**
   * How many attempts in a row may fail before the client is closed.
   *
   * @default Infinity
   */
  readonly maxAttempts?: number | undefined;
}

/** How a connection is found dead that has not been closed. */
export interface LivenessOptions {
  /**
   * Silence after which the server is asked for a sign of life.
   *
   * @default the server's own `heartbeatMs`
   */
  readonly intervalMs?: number | undefined;
  /**
   * How long it may take to give one.
   *
   * @default 5_000
   */
  readonly timeoutMs?: number | undefined;
}

/** Bounds of what waits to be published. */
export interface QueueOptions {
  /**
   * How many messages may wait for their acknowledgement.
   *
   * @default 1_000
   */
  readonly maxMessages?: number | undefined;
  /**
   * How many bytes they may have together.
   *
   * @default 4_194_304
   */
  readonly maxBytes?: number | undefined;
  /**
   * Who gets `QUEUE_FULL`: the new message, or the oldest that has not been sent yet.
   *
   * @default 'reject-new'
   */
  readonly overflow?: 'reject-new' | 'drop-oldest' | undefined;
}
