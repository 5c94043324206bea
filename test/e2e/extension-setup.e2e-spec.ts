import type { ModuleMetadata, Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { WsAdapter } from '@nestjs/platform-ws';
import { SubscribeMessage, WebSocketGateway } from '@nestjs/websockets';

import { RookeryAdapter, RookeryModule, StartError } from '../../src/index.js';
import { TEST_OPTIONS, listen } from '../support/application.js';
import { RecordingLogger } from '../support/recording-logger.js';
import { cleanUp } from '../support/teardown.js';

class Application {}

const rookery = (): ReturnType<typeof RookeryModule.forRoot> => RookeryModule.forRoot(TEST_OPTIONS);

const withGateways = (...providers: Type[]): Promise<unknown> => listen({ imports: [rookery()], providers });

/** Starts an application that sets its adapter, or none, by itself. */
async function startWith(adapter: 'none' | 'WsAdapter', imports: NonNullable<ModuleMetadata['imports']>) {
  const module = { module: Application, imports };
  const app = await NestFactory.create(module, { logger: new RecordingLogger(), abortOnError: false });
  cleanUp(() => app.close());
  if (adapter === 'WsAdapter') app.useWebSocketAdapter(new WsAdapter(app));
  await app.listen(0, '127.0.0.1');
}

@WebSocketGateway()
class AckGateway {
  @SubscribeMessage('ack')
  acknowledge(): void {
    // Never called: the type is the protocol's.
  }
}

@WebSocketGateway()
class OrdersGateway {
  @SubscribeMessage('order:watch')
  watch(): void {
    // Of no interest.
  }
}

@WebSocketGateway()
class OtherOrdersGateway {
  @SubscribeMessage('order:watch')
  follow(): void {
    // Of no interest.
  }
}

@WebSocketGateway(8080)
class PortGateway {}

@WebSocketGateway({ path: '/elsewhere' })
class PathGateway {}

describe('mistakes in the set-up of an application', () => {
  const mistakes: readonly [string, () => Promise<unknown>, string][] = [
    [
      'an application without an adapter',
      () => startWith('none', [rookery()]),
      'RookeryModule is imported, but its adapter is missing: call app.useWebSocketAdapter(new RookeryAdapter(app)) before app.listen().',
    ],
    [
      'an application with another adapter',
      () => startWith('WsAdapter', [rookery()]),
      'RookeryModule is imported, but the application uses another WebSocket adapter: call app.useWebSocketAdapter(new RookeryAdapter(app)).',
    ],
    [
      'an application without the module',
      () => listen({}),
      'RookeryAdapter needs RookeryModule: import RookeryModule.forRoot() into the root module of the application.',
    ],
    [
      'an application that imports the module twice',
      () => listen({ imports: [rookery(), rookery()] }),
      'RookeryModule.forRoot() is imported 2 times. Its services are there for all modules: import it once, into the root module.',
    ],
    [
      'a gateway that subscribes to a type of the protocol',
      () => withGateways(AckGateway),
      'AckGateway.acknowledge handles messages of type "ack", which the protocol itself handles: use another type.',
    ],
    [
      'two gateways that subscribe to one type',
      () => withGateways(OrdersGateway, OtherOrdersGateway),
      'OtherOrdersGateway.follow handles messages of type "order:watch", which OrdersGateway.watch handles: use another type.',
    ],
    [
      'a gateway in two modules',
      () =>
        listen({
          imports: [rookery(), { module: class Feature {}, providers: [OrdersGateway] }],
          providers: [OrdersGateway],
        }),
      'OrdersGateway is a provider of two modules: keep it in one of them.',
    ],
    [
      'a gateway with a port',
      () => withGateways(PortGateway),
      "A gateway asks for port 8080. Gateways share Rookery's endpoint, /ws: leave port and path out of @WebSocketGateway().",
    ],
    [
      'a gateway with another path',
      () => withGateways(PathGateway),
      "A gateway asks for path /elsewhere. Gateways share Rookery's endpoint, /ws: leave port and path out of @WebSocketGateway().",
    ],
  ];

  it.each(mistakes)(
    'The start of %s is refused with a sentence that says what to do',
    async (_what, start, message) => {
      await expect(start()).rejects.toThrow(new StartError(message));
      await expect(start()).rejects.toBeInstanceOf(StartError);
    },
  );

  it('RookeryAdapter refuses an application context, which has no HTTP server', async () => {
    const context = await NestFactory.createApplicationContext(
      { module: Application, imports: [rookery()] },
      { logger: new RecordingLogger() },
    );
    cleanUp(() => context.close());
    expect(() => new RookeryAdapter(context)).toThrow(/^RookeryAdapter needs an application with an HTTP server/);
  });
});
