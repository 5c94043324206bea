import { MetadataScanner } from '@nestjs/core';

import type { MaybePromise } from '../broker/broker.js';
import type { Connection } from './connection.js';
import type { Later, Reply } from './reply.js';

/** A gateway's method, called with the connection and the payload as they came. */
export type DirectHandler = (connection: Connection, payload: unknown) => MaybePromise<Reply | Later | undefined>;

/** Where `@SubscribeMessage` leaves the type; the name is part of Nest's metadata and of its compiled decorators. */
const MESSAGE_METADATA = 'message';

/** The `@SubscribeMessage` methods of a gateway by message type. */
export function directHandlersOf(gateway: object): Map<string, DirectHandler> {
  const methods = gateway as Record<string, DirectHandler>;
  const handlers = new Map<string, DirectHandler>();
  for (const name of new MetadataScanner().getAllMethodNames(Object.getPrototypeOf(gateway) as object)) {
    const method = methods[name];
    if (method === undefined) continue;
    const type: unknown = Reflect.getMetadata(MESSAGE_METADATA, method);
    if (typeof type === 'string') handlers.set(type, method.bind(gateway));
  }
  return handlers;
}
