import type { EventEmitter } from 'node:events';
import type { IncomingMessage } from 'node:http';

import { Injectable, Logger } from '@nestjs/common';

import { BrokerUnavailableError, type MaybePromise } from '../broker/broker.js';
import { RookeryOptions } from '../config/rookery.options.js';
import { CLOSE_CODES } from '../protocol/close-codes.js';
import { Journal } from '../telemetry/journal.js';
import { Telemetry } from '../telemetry/telemetry.js';
import { ApplicationHandlers } from './application-handlers.js';
import type { ClientSocket } from './client-socket.js';
import { closeCodeOf, closeLabel } from './close-label.js';
import { Connection, type ConnectionContext, type ConnectionDetails } from './connection.js';
import { ConnectionsService } from './connections.service.js';
import { Dispatcher } from './dispatcher.js';
import { Heartbeat } from './heartbeat.js';
import { Lifecycle } from './lifecycle.js';
import { TcpWriter } from './tcp-writer.js';
import { TokenClock } from './token-clock.js';
import { Turn } from './turn.js';

/** Payload of the event `connection.opened`. */
export interface ConnectionOpenedEvent {
  readonly connection: Connection;
}

/** Payload of the event `connection.closed`. */
export interface ConnectionClosedEvent {
  readonly connection: Connection;
  /** As in PROTOCOL.md; 1006 where the other side went without a goodbye. */
  readonly code: number;
}

/** What Nest wants called for each client: the gateways' `handleConnection` and the binding of their handlers. */
export type NestConnect = (connection: Connection, request: IncomingMessage) => void;

/** Brings a WebSocket that was let in to life as a connection, and sees to its end. */
@Injectable()
export class ConnectionOpener {
  private readonly logger = new Logger(ConnectionOpener.name);
  private readonly context: ConnectionContext;
  private readonly nestConnects: NestConnect[] = [];
  /** One function for all sockets: `ws` calls it with the socket as `this`. */
  private readonly onMessage: (this: ClientSocket, data: Buffer, isBinary: boolean) => void;
  private readonly onPing: (this: ClientSocket) => void;
  private readonly onClose: (this: ClientSocket, code: number) => void;
  private readonly onError: (this: ClientSocket, error: Error) => void;

  constructor(
    options: RookeryOptions,
    turn: Turn,
    writer: TcpWriter,
    private readonly telemetry: Telemetry,
    journal: Journal,
    private readonly connections: ConnectionsService,
    private readonly dispatcher: Dispatcher,
    private readonly handlers: ApplicationHandlers,
    private readonly heartbeat: Heartbeat,
    private readonly tokens: TokenClock,
    private readonly lifecycle: Lifecycle,
  ) {
    this.context = {
      turn,
      writer,
      telemetry,
      journal,
      bound: options.outboxBytes,
      rate: { burst: options.rateBurst, perSecond: options.rateLimit },
      offences: { burst: options.maxOffences, perSecond: 1 },
    };
    this.onMessage = function onMessage(data, isBinary) {
      if (this.connection !== undefined) dispatcher.receive(this.connection, data, isBinary);
    };
    this.onPing = function onPing() {
      if (this.connection !== undefined) dispatcher.receivePing(this.connection);
    };
    // A frame that breaks RFC 6455 or a bound: `ws` answers it with its close code, and `close` counts it.
    this.onError = function onError(error) {
      const code = closeCodeOf(error);
      if (this.connection?.closing === false) journal.closed(code, code, error.message, this.connection.about);
    };
    const closed = this.closed.bind(this);
    this.onClose = function onClose(code) {
      if (this.connection !== undefined) closed(this.connection, code);
    };
  }

  /** Has Nest's part done for every connection to come. */
  addNestConnect(connect: NestConnect): void {
    this.nestConnects.push(connect);
  }

  /**
   * @param request the upgrade; it is the gateways' to look at until the connection is announced
   * @param onClosed called once when it is over
   */
  open(ws: ClientSocket, request: IncomingMessage, details: ConnectionDetails, onClosed: () => void): void {
    const connection = new Connection(ws, request.socket, details, this.context);
    ws.connection = connection;
    const events: EventEmitter = ws;
    events.on('message', this.onMessage);
    events.on('ping', this.onPing);
    events.on('close', this.onClose);
    events.on('close', onClosed);
    events.on('error', this.onError);
    this.telemetry.connectionsOpened += 1;
    this.heartbeat.add(connection);
    this.tokens.watch(connection);
    const welcomed = this.welcome(connection, request);
    if (welcomed instanceof Promise) this.dispatcher.hold(connection, welcomed);
  }

  /** Makes a connection's messages wait for the promise, which must not reject. */
  hold(connection: Connection, until: Promise<void>): void {
    // What it sent while it was being set up is in the queue already: this has to come before it.
    if (connection.setup === undefined) this.dispatcher.hold(connection, until);
    else connection.setup.push(until);
  }

  /** What comes before the first message: the floors above, then the application. */
  private welcome(connection: Connection, request: IncomingMessage): MaybePromise<void> {
    try {
      const opened = this.connections.opened(connection);
      const announce = (): Promise<void> | undefined => this.announce(connection, request);
      const done = opened instanceof Promise ? opened.then(announce) : announce();
      return done?.catch((error: unknown) => this.giveUp(connection, error));
    } catch (error) {
      return this.giveUp(connection, error);
    }
  }

  private giveUp(connection: Connection, error: unknown): void {
    // Readiness says that already; whoever tries again and again must not fill the log.
    if (!(error instanceof BrokerUnavailableError)) this.logger.error(error);
    connection.close(CLOSE_CODES.INTERNAL_ERROR, 'the connection could not be set up');
  }

  /** Tells the application; one that is closed before that is not told of at all. */
  private announce(connection: Connection, request: IncomingMessage): Promise<void> | undefined {
    if (connection.closing) return undefined;
    connection.announced = true;
    const setup: Promise<unknown>[] = [];
    connection.setup = setup;
    for (const connect of this.nestConnects) connect(connection, request);
    connection.setup = undefined;
    if (this.lifecycle.isHeard('connection.opened')) {
      setup.push(this.lifecycle.emit('connection.opened', { connection }));
    }
    return setup.length === 0 ? undefined : Promise.all(setup).then(() => undefined);
  }

  private closed(connection: Connection, code: number): void {
    connection.closing = true;
    this.telemetry.closes.add(closeLabel(code));
    this.heartbeat.remove(connection);
    this.tokens.forget(connection);
    this.handlers.release(connection);
    this.connections.closed(connection);
    if (connection.announced) void this.lifecycle.emit('connection.closed', { connection, code });
  }
}
