import type { IncomingMessage, Server } from 'node:http';
import type { Socket } from 'node:net';

import type { INestApplicationContext, WsMessageHandler } from '@nestjs/common';
import { ModulesContainer, NestApplication } from '@nestjs/core';
import { WsAdapter } from '@nestjs/platform-ws';
import type { WebSocketServer } from 'ws';

import { RookeryOptions } from '../config/rookery.options.js';
import { StartError } from '../config/start-error.js';
import type { RefusalCode } from '../protocol/refusals.js';
import { ApplicationHandlers } from './application-handlers.js';
import { ConnectionOpener } from './connection-opener.js';
import type { Connection } from './connection.js';
import { Descriptors } from './descriptors.js';
import { DIRECT_PATH, prepareGateways } from './gateways.js';
import { UnclaimedUpgrades } from './unclaimed-upgrades.js';
import { answerUnreadableRequests, limitHeaders } from './unreadable-requests.js';
import { UpgradeHandler } from './upgrade.js';

interface GatewayOptions {
  readonly path?: string;
}

/**
 * Carries Nest gateways on Rookery's connections. Every gateway without a path of its own shares the one endpoint:
 * a frame is parsed once, whichever gateway takes it.
 *
 * @example
 * const app = await NestFactory.create(AppModule);
 * app.useWebSocketAdapter(new RookeryAdapter(app));
 */
export class RookeryAdapter extends WsAdapter {
  private readonly upgrades: UpgradeHandler;
  private readonly opener: ConnectionOpener;
  private readonly handlers: ApplicationHandlers;
  private readonly options: RookeryOptions;
  private readonly descriptors: Descriptors;
  private readonly direct = {};
  private detach: (() => void) | undefined;

  /** @throws StartError where the application is not set up for it, with what to do */
  constructor(app: INestApplicationContext) {
    super(app);
    if (!(app instanceof NestApplication)) {
      throw new StartError('RookeryAdapter needs an application with an HTTP server: one from NestFactory.create().');
    }
    checkModule(app);
    this.upgrades = app.get(UpgradeHandler, { strict: false });
    this.opener = app.get(ConnectionOpener, { strict: false });
    this.handlers = app.get(ApplicationHandlers, { strict: false });
    this.options = app.get(RookeryOptions, { strict: false });
    this.descriptors = app.get(Descriptors, { strict: false });
    prepareGateways(app, (connection, until) => this.opener.hold(connection, until));
    this.attach(app.getUnderlyingHttpServer<Server>());
  }

  /** @throws StartError for a gateway with a port or another path: the endpoint is one */
  override create(port: number, options: GatewayOptions = {}): WebSocketServer | object {
    const { path } = options;
    if (path === DIRECT_PATH) return this.direct;
    if (port !== 0 || (path !== undefined && path !== this.options.wsPath)) {
      const asked = port === 0 ? `path ${path ?? '-'}` : `port ${port}`;
      throw new StartError(
        `A gateway asks for ${asked}. Gateways share Rookery's endpoint, ${this.options.wsPath}: leave port and path out of @WebSocketGateway().`,
      );
    }
    return this.upgrades.server;
  }

  override bindClientConnect(server: WebSocketServer | object, callback: (...args: unknown[]) => void): void {
    if (server !== this.direct) this.opener.addNestConnect(callback);
  }

  override bindClientDisconnect(connection: Connection, callback: () => void): void {
    this.handlers.onRelease(connection, callback);
  }

  override bindMessageHandlers(connection: Connection, handlers: WsMessageHandler[]): void {
    this.handlers.bind(connection, handlers);
  }

  override close(): Promise<void> {
    this.detach?.();
    return Promise.resolve();
  }

  private attach(server: Server): void {
    const refuse = (code: RefusalCode, socket?: Socket): void => this.upgrades.reply(socket, code);
    const unclaimed = new UnclaimedUpgrades(this.options.upgradeTimeoutMs, refuse);
    const onUpgrade = (request: IncomingMessage, socket: Socket, head: Buffer): void => {
      this.descriptors.upgrading(socket);
      // Another listener may serve another path; only when there is none is an unknown path ours to refuse at once.
      if (this.upgrades.serves(request.url) || server.listenerCount('upgrade') === 1) {
        this.upgrades.handle(request, socket, head);
      } else {
        unclaimed.watch(socket);
      }
    };
    server.on('upgrade', onUpgrade);
    limitHeaders(server, this.options.maxHeaderBytes);
    const leaveUnreadable = answerUnreadableRequests(server, refuse);
    const leave = this.descriptors.attach(server);
    this.detach = () => {
      server.off('upgrade', onUpgrade);
      leave();
      leaveUnreadable();
      unclaimed.close();
    };
  }
}

/** Checks that the application imports the module, and imports it once. */
function checkModule(app: INestApplicationContext): void {
  const modules = [...app.get(ModulesContainer).values()].filter(({ providers }) => providers.has(UpgradeHandler));
  if (modules.length === 1) return;
  throw new StartError(
    modules.length === 0
      ? 'RookeryAdapter needs RookeryModule: import RookeryModule.forRoot() into the root module of the application.'
      : `RookeryModule.forRoot() is imported ${modules.length} times. Its services are there for all modules: import it once, into the root module.`,
  );
}
