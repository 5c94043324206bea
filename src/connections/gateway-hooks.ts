import { Logger, type INestApplicationContext } from '@nestjs/common';
import { ModulesContainer } from '@nestjs/core';

import type { Connection } from './connection.js';

/** Marks a class with `@WebSocketGateway`. */
const GATEWAY_METADATA = 'websockets:is_gateway';

const PROTECTED = Symbol('protected');

/** One of the two methods; marked when the net is under it. */
type Hook = ((this: unknown, connection: Connection, ...rest: unknown[]) => unknown) & { [PROTECTED]?: true };

/**
 * Puts a net under the `handleConnection` and `handleDisconnect` of the application's gateways. Nest calls them from
 * an rxjs subscription that neither catches a throw nor looks at a promise, so that one mistake there would end the
 * process. It has to happen before Nest binds the gateways, which is why the adapter's constructor does it.
 *
 * @param hold makes a connection's messages wait for an asynchronous `handleConnection`
 */
export function protectGatewayHooks(
  app: INestApplicationContext,
  hold: (connection: Connection, until: Promise<void>) => void,
): void {
  for (const module of app.get(ModulesContainer).values()) {
    for (const { metatype } of module.providers.values()) {
      if (typeof metatype !== 'function' || Reflect.getMetadata(GATEWAY_METADATA, metatype) !== true) continue;
      const prototype = metatype.prototype as Record<string, Hook | undefined>;
      protect(prototype, 'handleConnection', metatype.name, hold);
      protect(prototype, 'handleDisconnect', metatype.name, () => undefined);
    }
  }
}

function protect(
  prototype: Record<string, Hook | undefined>,
  name: string,
  gateway: string,
  onPending: (connection: Connection, until: Promise<void>) => void,
): void {
  const hook = prototype[name];
  if (hook === undefined || hook[PROTECTED]) return;
  const logger = new Logger(gateway);
  const report = (error: unknown): void =>
    logger.error(`${name} failed`, error instanceof Error ? error.stack : String(error));
  const safe: Hook = function safe(connection, ...rest) {
    try {
      const result = hook.call(this, connection, ...rest);
      if (result instanceof Promise) onPending(connection, result.catch(report) as Promise<void>);
    } catch (error) {
      report(error);
    }
  };
  safe[PROTECTED] = true;
  prototype[name] = safe;
}
