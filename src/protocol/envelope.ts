/** The one shape of every text frame, in both directions. */
export interface Envelope {
  /** What this message is; see the message tables of PROTOCOL.md. */
  readonly type: string;
  /** Depends on `type`. */
  readonly payload?: unknown;
  /** Chosen by the client; the one reply to the request carries the same. 1–128 characters. */
  readonly requestId?: string;
}

/** The subprotocol that the server speaks, and the one a client gets that names none. */
export const SUBPROTOCOL = 'rookery.v1.json';

/** A subprotocol entry that starts so carries the token. It is read at the upgrade and never echoed. */
export const BEARER_SUBPROTOCOL_PREFIX = 'bearer.';

/** Longest `requestId` and publication `id`, in UTF-16 code units. */
export const MAX_ID_LENGTH = 128;
