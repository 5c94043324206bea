import type { ServerMessages, ServerMessageType } from '../protocol/messages.js';

/** A reply, in the shape that Nest's gateways answer in (`WsResponse`). */
export interface Reply<Type extends ServerMessageType = ServerMessageType> {
  readonly event: Type;
  /** Read once, when the reply is sent: earlier ones may keep it waiting. */
  readonly data: ServerMessages[Type];
  /** Runs when the reply is on its way, before anything else is sent. */
  readonly sent?: () => void;
}

/** Makes a reply, with its payload checked against its type. */
export function reply<Type extends ServerMessageType>(event: Type, data: ServerMessages[Type]): Reply<Type> {
  return { event, data };
}

/**
 * The request has taken effect and its reply comes later: the next request of the connection need not wait. A
 * publisher's messages so follow each other without a round trip to the broker between them.
 */
export class Later {
  constructor(readonly outcome: Promise<Reply>) {}
}
