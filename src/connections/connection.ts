import { randomUUID } from 'node:crypto';
import type { Socket } from 'node:net';

import type { WebSocket } from 'ws';

import type { Principal } from '../auth/principal.js';
import type { UpgradeRequest } from '../auth/upgrade-request.js';
import { CLOSE_CODES } from '../protocol/close-codes.js';
import type { ErrorNote, ErrorPayload } from '../protocol/errors.js';
import type { ServerMessages, ServerMessageType } from '../protocol/messages.js';
import type { Position } from '../protocol/position.js';
import type { About, Journal } from '../telemetry/journal.js';
import { errorLabel, type CutReason } from '../telemetry/telemetry.js';
import { TokenBucket, type Rate } from '../telemetry/token-bucket.js';
import { closeLabel } from './close-label.js';
import { Outbox, type OutboxContext } from './outbox.js';
import { PING_FRAME } from './frame.js';
import type { Pulse } from './pulse.js';
import type { RequestLane } from './request-lane.js';
import { currentRequest, errorPayloadOf } from './request.js';
import type { Wire } from './wire.js';
import { hasUnfinishedMessage } from './ws-insides.js';

/** Close code of a connection that ends without a goodbye; it is never sent. */
const LOST = 1006;

const CUTS: Readonly<Record<CutReason, string>> = {
  silent: 'nothing came from the client for too long',
  stalled: 'the client read nothing for too long',
  unfinished: 'a message of the client did not end',
  drain: 'the server is shutting down',
  application: 'the application cut it',
};

/** What connections of a node share. */
export interface ConnectionContext extends OutboxContext {
  readonly journal: Journal;
  readonly rate: Rate;
  /** How many offences are forgiven. */
  readonly offences: Rate;
}

/** The end of a connection's token, by the monotonic clock. */
export interface TokenEnd {
  readonly endsAt: number;
  /** When the client is to hear of it; undefined when it has. */
  noticeAt: number | undefined;
  /** The second in which the first of them is due. */
  second: number;
}

/** What is known of a connection when it opens. */
export interface ConnectionDetails {
  readonly principal: Principal;
  /** Address of the client; behind a trusted proxy the one that it names. */
  readonly address: string;
  readonly wire: Wire;
  readonly request: UpgradeRequest;
  /** Where the client stood in the rooms that the server puts it in, if it has been here before. */
  readonly recover?: ReadonlyMap<string, Position>;
}

/**
 * One client. What handlers and events get, and what applications use.
 *
 * @example
 * @SubscribeMessage('order:watch')
 * watch(@ConnectedSocket() connection: Connection, @MessageBody() { order }: WatchDto) {
 *   connection.send('order:state', this.orders.stateOf(order, connection.userId));
 * }
 */
export class Connection {
  /** Unique over all nodes. */
  readonly id = randomUUID();
  readonly address: string;
  /** The request by which the client connected: headers, cookies and query, without its token. */
  readonly request: UpgradeRequest;
  readonly wire: Wire;
  /** Milliseconds since 1970. */
  readonly openedAt = Date.now();
  /** For the application's own notes on this connection. */
  data: unknown;
  /** Who is on the other side; replaced by `auth:refresh`. */
  principal: Principal;
  /** True from the first step of closing on: nothing is sent any more. */
  closing = false;

  /** @internal True when the application has been told of it, and is to be told of its end. */
  announced = false;
  /** @internal While the application is being told of it: what has to be done before the first message. */
  setup: Promise<unknown>[] | undefined;
  /** @internal Positions to recover from, until the connection is greeted. */
  recover: ReadonlyMap<string, Position> | undefined;
  /** @internal The end of its token, where it has one. */
  tokenEnd: TokenEnd | undefined;
  /** @internal */
  readonly outbox: Outbox;
  /** @internal Requests in progress, where there are any. */
  lane: RequestLane | undefined;
  /** @internal */
  readonly rate: TokenBucket;
  /** @internal */
  readonly offences: TokenBucket;
  /** @internal */
  readonly pulse: Pulse;
  /** @internal True while nothing is read from the client because its requests are being worked on. */
  paused = false;

  /** @internal */
  constructor(
    private readonly ws: WebSocket,
    socket: Socket,
    { principal, address, request, wire, recover }: ConnectionDetails,
    private readonly context: ConnectionContext,
  ) {
    const now = performance.now();
    this.principal = principal;
    this.address = address;
    this.request = request;
    this.wire = wire;
    this.recover = recover;
    this.outbox = new Outbox(wire, socket, context);
    this.rate = new TokenBucket(context.rate, now);
    this.offences = new TokenBucket(context.offences, now);
    this.pulse = { bytesRead: 0, seenAt: now, pingedAt: now, midMessageSince: 0, slot: 0 };
  }

  get userId(): string {
    return this.principal.userId;
  }

  /**
   * Sends one message to this client. What goes out in one turn of the event loop leaves in one write.
   *
   * @param type a type of the protocol, or one of the application's own
   */
  send<Type extends ServerMessageType>(type: Type, payload: ServerMessages[Type], requestId?: string): void;
  send(type: string, payload?: unknown, requestId?: string): void;
  send(type: string, payload?: unknown, requestId?: string): void {
    if (!this.closing) this.outbox.push(this.wire.envelope(type, payload, requestId));
  }

  /** Sends an `error`; counted by its code. */
  sendError(error: ErrorPayload, requestId?: string, note: ErrorNote = {}): void {
    this.countError(error, note);
    this.send('error', error, requestId);
  }

  /** @internal Counts an error that is told in another way than by an `error`, and logs it. */
  countError(error: ErrorPayload, note: ErrorNote): void {
    const { telemetry, journal } = this.context;
    telemetry.errors.add(errorLabel(error.code));
    journal.refused('request.refused', error, note, this.about);
  }

  /** @internal What log lines say of it. */
  get about(): About {
    return { user: this.userId, address: this.address, connection: this.id };
  }

  /**
   * Closes after all that was sent before is written.
   *
   * @param code 1000, 1001–1011 as RFC 6455 has them, 3000–4999; see PROTOCOL.md
   * @param reason at most 123 bytes
   */
  close(code: number = CLOSE_CODES.GOING_AWAY, reason = ''): void {
    if (this.closing) return;
    this.context.journal.closed(code, closeLabel(code), reason, this.about);
    this.outbox.end();
    this.closing = true;
    this.ws.close(code, reason);
  }

  /** Ends at once, without a goodbye. */
  terminate(reason: CutReason = 'application'): void {
    const { telemetry, journal } = this.context;
    telemetry.cuts.add(reason);
    // One that was said goodbye to has its line.
    if (!this.closing) journal.closed(LOST, LOST, CUTS[reason], this.about);
    this.closing = true;
    this.ws.terminate();
  }

  /** Stops reading from the client; what it sends waits in its own socket. */
  pause(): void {
    this.paused = true;
    this.ws.pause();
  }

  resume(): void {
    if (!this.paused) return;
    this.paused = false;
    this.ws.resume();
  }

  /**
   * Called by Nest's exception filters, which know clients by this method. Within a request it becomes the request's
   * error reply; what the client sent is never echoed. A stream may also fail by another's doing, where nothing tells
   * which request began it.
   *
   * @internal
   */
  emit(event: string, payload: unknown): void {
    const request = currentRequest();
    if (event !== 'exception') this.send(event, payload);
    else if (request?.connection === this) request.fail(payload);
    else this.sendError(errorPayloadOf(payload));
  }

  /** @internal */
  ping(): void {
    // A client that is behind would not see it; the bytes it has not read are its ping.
    if (!this.closing && !this.outbox.stuck) this.outbox.push(PING_FRAME);
  }

  /** @internal */
  get bytesRead(): number {
    return this.outbox.bytesRead;
  }

  /** @internal */
  get isMidMessage(): boolean {
    return hasUnfinishedMessage(this.ws);
  }
}
