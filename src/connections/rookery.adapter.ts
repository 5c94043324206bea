import type { IncomingMessage, Server } from 'node:http';
import type { Socket } from 'node:net';

import type { INestApplicationContext, WsMessageHandler } from '@nestjs/common';
import { NestApplication } from '@nestjs/core';
import { WsAdapter } from '@nestjs/platform-ws';
import type { WebSocketServer } from 'ws';

import { RookeryOptions } from '../config/rookery.options.js';
import { ApplicationHandlers } from './application-handlers.js';
import { ConnectionOpener } from './connection-opener.js';
import type { Connection } from './connection.js';
import { protectGatewayHooks } from './gateway-hooks.js';
import { UpgradeHandler } from './upgrade.js';

/**
 * Path of a gateway whose handlers the dispatcher calls directly; no path of a URL can look like this. Nest would
 * otherwise bind each of its handlers to each connection, which costs an idle connection more than all its state.
 */
export const DIRECT_PATH = 'rookery:direct';

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
  private readonly direct = {};
  private detach: (() => void) | undefined;

  constructor(app: INestApplicationContext) {
    super(app);
    this.upgrades = app.get(UpgradeHandler, { strict: false });
    this.opener = app.get(ConnectionOpener, { strict: false });
    this.handlers = app.get(ApplicationHandlers, { strict: false });
    this.options = app.get(RookeryOptions, { strict: false });
    protectGatewayHooks(app, (connection, until) => this.opener.hold(connection, until));
    if (!(app instanceof NestApplication)) throw new Error('RookeryAdapter needs an application with an HTTP server');
    this.attach(app.getUnderlyingHttpServer<Server>());
  }

  /** @throws Error for a gateway with a port or another path: the endpoint is one */
  override create(port: number, options: GatewayOptions = {}): WebSocketServer | object {
    const { path } = options;
    if (path === DIRECT_PATH) return this.direct;
    if (port !== 0 || (path !== undefined && path !== this.options.wsPath)) {
      throw new Error(
        `A gateway asks for port ${port}, path ${path ?? '-'}; Rookery serves ${this.options.wsPath} only`,
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
    const onUpgrade = (request: IncomingMessage, socket: Socket, head: Buffer): void => {
      // Another listener may serve another path; only when there is none is an unknown path ours to refuse.
      if (this.upgrades.serves(request.url) || server.listenerCount('upgrade') === 1) {
        this.upgrades.handle(request, socket, head);
      }
    };
    server.on('upgrade', onUpgrade);
    this.detach = () => server.off('upgrade', onUpgrade);
  }
}
