import { Logger, type INestApplicationContext } from '@nestjs/common';
import { MetadataScanner, ModulesContainer } from '@nestjs/core';

import { StartError } from '../config/start-error.js';
import { CLIENT_MESSAGE_TYPES } from '../protocol/types.js';
import type { Connection } from './connection.js';

/**
 * Path of a gateway whose handlers the dispatcher calls directly; no path of a URL can look like this. Nest would
 * otherwise bind each of its handlers to each connection, which costs an idle connection more than all its state.
 */
export const DIRECT_PATH = 'rookery:direct';

/** Where Nest's decorators leave what they say; the names are part of its compiled decorators. */
const IS_GATEWAY = 'websockets:is_gateway';
const GATEWAY_OPTIONS = 'websockets:gateway_options';
const MESSAGE_TYPE = 'message';

const PROTECTED = Symbol('protected');

/** One of the two methods; marked when the net is under it. */
type Hook = ((this: unknown, connection: Connection, ...rest: unknown[]) => unknown) & { [PROTECTED]?: true };

type Hold = (connection: Connection, until: Promise<void>) => void;

interface GatewayClass {
  readonly name: string;
  readonly prototype: Record<string, Hook | undefined>;
}

/**
 * Prepares the gateways of an application before Nest binds them, which is why the adapter's constructor calls it:
 * - Puts a net under `handleConnection` and `handleDisconnect`. Nest calls them from an rxjs subscription that neither
 *   catches a throw nor looks at a promise, so that one mistake there would end the process.
 * - Checks that each message type has one handler.
 *
 * @param hold makes a connection's messages wait for an asynchronous `handleConnection`
 * @throws StartError
 */
export function prepareGateways(app: INestApplicationContext, hold: Hold): void {
  const handlers = new Map(CLIENT_MESSAGE_TYPES.map((type): [string, string] => [type, 'the protocol itself']));
  const gateways = gatewaysOf(app);
  // Rookery's own gateway is always there: where it does not show, Nest's metadata has changed.
  const own = gateways.find(isDirect);
  if (own === undefined || subscriptionsOf(own.prototype).length < CLIENT_MESSAGE_TYPES.length) {
    throw new StartError('Rookery cannot read the gateways of this version of Nest: use Nest 11 or 12.');
  }
  for (const gateway of gateways) {
    if (isDirect(gateway)) continue;
    protect(gateway, 'handleConnection', hold);
    protect(gateway, 'handleDisconnect', () => undefined);
    for (const [type, method] of subscriptionsOf(gateway.prototype)) {
      const where = `${gateway.name}.${method}`;
      const taken = handlers.get(type);
      if (taken === where)
        throw new StartError(`${gateway.name} is a provider of two modules: keep it in one of them.`);
      if (taken !== undefined) {
        throw new StartError(`${where} handles messages of type "${type}", which ${taken} handles: use another type.`);
      }
      handlers.set(type, where);
    }
  }
}

/** Returns the name of the method for each message type that a gateway subscribes to. */
export function subscriptionsOf(prototype: object): [type: string, method: string][] {
  const methods = prototype as Record<string, unknown>;
  return new MetadataScanner().getAllMethodNames(prototype).flatMap((name): [string, string][] => {
    const method = methods[name];
    const type: unknown = typeof method === 'function' ? Reflect.getMetadata(MESSAGE_TYPE, method) : undefined;
    return typeof type === 'string' ? [[type, name]] : [];
  });
}

function gatewaysOf(app: INestApplicationContext): GatewayClass[] {
  const metatypes = [...app.get(ModulesContainer).values()].flatMap(({ providers }) =>
    Array.from(providers.values(), ({ metatype }) => metatype),
  );
  return metatypes
    .filter((metatype) => typeof metatype === 'function' && Reflect.getMetadata(IS_GATEWAY, metatype) === true)
    .map((metatype) => metatype as unknown as GatewayClass);
}

function isDirect(gateway: GatewayClass): boolean {
  const options = Reflect.getMetadata(GATEWAY_OPTIONS, gateway) as { readonly path?: string } | undefined;
  return options?.path === DIRECT_PATH;
}

function protect({ name: gateway, prototype }: GatewayClass, name: string, onPending: Hold): void {
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
