import { Injectable, Logger } from '@nestjs/common';

import type { MaybePromise } from '../broker/broker.js';
import { RookeryOptions } from '../config/rookery.options.js';
import { CLOSE_CODES } from '../protocol/close-codes.js';
import { EnvelopeError } from '../protocol/decode.js';
import type { Envelope } from '../protocol/envelope.js';
import { ProtocolError } from '../protocol/errors.js';
import { Telemetry } from '../telemetry/telemetry.js';
import { ApplicationHandlers } from './application-handlers.js';
import type { Connection } from './connection.js';
import { failureOf } from './failure.js';
import { subscriptionsOf } from './gateways.js';
import { Later, type Reply } from './reply.js';
import { RequestLane } from './request-lane.js';

/** Replies that one connection may have outstanding before its further requests wait. */
const MAX_REPLIES_OUTSTANDING = 256;
/** Requests that may wait in this process; beyond, they wait in the client's socket. */
const MAX_WAITING = 32;
/** Up to this size a message over the rate is still read, so that its request gets its reply. */
const READ_REFUSED_BELOW_BYTES = 4096;

/** Handles what nobody else does; answers whether somebody did. */
export type UnhandledListener = (connection: Connection, envelope: Envelope) => MaybePromise<Reply | undefined>;

/** What a handler may come back with. */
type Outcome = Reply | Later | undefined;

/** A gateway's method, called with the connection and the payload as they came. */
type DirectHandler = (connection: Connection, payload: unknown) => MaybePromise<Outcome>;

/**
 * From a client's frame to its handler and back to the reply. One parse a frame; requests of a connection begin in
 * the order in which they came, each when the one before has taken effect; replies keep that order.
 */
@Injectable()
export class Dispatcher {
  private readonly logger = new Logger(Dispatcher.name);
  private readonly direct = new Map<string, DirectHandler>();
  private unhandled: UnhandledListener | undefined;

  constructor(
    private readonly telemetry: Telemetry,
    private readonly applicationHandlers: ApplicationHandlers,
    private readonly options: RookeryOptions,
  ) {}

  /**
   * Takes a gateway's `@SubscribeMessage` methods as handlers that are called as they are: no rxjs, guards, pipes or
   * interceptors between a frame and them. For the protocol's own messages.
   */
  register(gateway: object): void {
    const methods = gateway as Record<string, DirectHandler>;
    for (const [type, name] of subscriptionsOf(Object.getPrototypeOf(gateway) as object)) {
      const method = methods[name];
      if (method !== undefined) this.direct.set(type, method.bind(gateway));
    }
  }

  /** Sets what happens to types that no handler takes. */
  onUnhandled(listener: UnhandledListener): void {
    this.unhandled = listener;
  }

  /** Takes one message of a client. */
  receive(connection: Connection, data: Buffer, isBinary: boolean): void {
    if (connection.closing) return;
    this.telemetry.messagesIn += 1;
    this.telemetry.bytesIn += data.length;
    const now = performance.now();
    const waitMs = connection.rate.take(now);
    if (waitMs > 0) this.refuseForRate(connection, data, isBinary, waitMs, now);
    else if (isBinary) this.refuseFrame(connection, new EnvelopeError({ field: 'frame', rule: 'must be text' }), now);
    else this.accept(connection, data, now);
  }

  /** Counts a WebSocket ping against the rate; they cost an answer each. */
  receivePing(connection: Connection): void {
    const now = performance.now();
    if (connection.rate.take(now) > 0) this.offend(connection, CLOSE_CODES.RATE_LIMITED, now);
  }

  private accept(connection: Connection, data: Buffer, now: number): void {
    let envelope: Envelope;
    try {
      envelope = connection.wire.decode(data);
    } catch (error) {
      this.refuseFrame(connection, error, now);
      return;
    }
    // Nearly always the first; the other one costs a closure.
    if (this.mayBegin(connection)) this.holdFor(connection, this.begin(connection, envelope));
    else this.wait(connection, () => this.begin(connection, envelope));
  }

  private refuseFrame(connection: Connection, error: unknown, now: number): void {
    const requestId = error instanceof EnvelopeError ? error.requestId : undefined;
    this.schedule(connection, () => this.fail(connection, error, requestId));
    this.offend(connection, CLOSE_CODES.PROTOCOL_ERRORS, now);
  }

  private refuseForRate(connection: Connection, data: Buffer, isBinary: boolean, waitMs: number, now: number): void {
    let requestId: string | undefined;
    if (!isBinary && data.length <= READ_REFUSED_BELOW_BYTES) {
      try {
        ({ requestId } = connection.wire.decode(data));
      } catch {
        // Over the rate and broken: the rate is what it is told.
      }
    }
    const error = new ProtocolError('RATE_LIMITED', { retryAfterMs: waitMs });
    this.schedule(connection, () => this.fail(connection, error, requestId));
    this.offend(connection, CLOSE_CODES.RATE_LIMITED, now);
  }

  private offend(connection: Connection, closeCode: number, now: number): void {
    if (this.options.maxOffences > 0 && connection.offences.take(now) > 0) {
      connection.close(closeCode, closeCode === CLOSE_CODES.RATE_LIMITED ? 'rate limit' : 'protocol errors');
    }
  }

  /** Begins now where nothing is before it; else in its turn. */
  private schedule(connection: Connection, begin: () => MaybePromise<void>): void {
    if (this.mayBegin(connection)) this.holdFor(connection, begin());
    else this.wait(connection, begin);
  }

  private mayBegin(connection: Connection): boolean {
    if (connection.lane?.isIdle) connection.lane = undefined;
    return (connection.lane === undefined || connection.lane.isFree) && !connection.outbox.full;
  }

  /** Lets further requests wait until this one has taken effect. */
  private holdFor(connection: Connection, effect: MaybePromise<void>): void {
    if (effect instanceof Promise) this.laneOf(connection).hold(effect);
  }

  private wait(connection: Connection, begin: () => MaybePromise<void>): void {
    const { outbox } = connection;
    const queue = this.laneOf(connection);
    if (queue.length >= MAX_WAITING) connection.pause();
    // A client that does not read its replies gets no more of them: its requests wait until it does.
    queue.enqueue(() => (outbox.full ? new Promise<void>((resolve) => outbox.whenRelieved(resolve)) : undefined));
    queue.enqueue(() => {
      if (queue.length <= 1) connection.resume();
      return begin();
    });
  }

  /** Lets messages wait until the promise settles; it must not reject. For what has to come before the first one. */
  hold(connection: Connection, until: Promise<void>): void {
    const lane = this.laneOf(connection);
    lane.enqueue(() => until);
  }

  private laneOf(connection: Connection): RequestLane {
    return (connection.lane ??= new RequestLane(MAX_REPLIES_OUTSTANDING));
  }

  /** Runs the handler; the promise, if there is one, settles when the request has taken effect. */
  private begin(connection: Connection, { type, payload, requestId }: Envelope): MaybePromise<void> {
    if (connection.closing) return undefined;
    let outcome: MaybePromise<Outcome>;
    try {
      outcome = this.handle(connection, type, payload, requestId);
    } catch (error) {
      this.fail(connection, error, requestId, type);
      return undefined;
    }
    if (!(outcome instanceof Promise)) {
      this.settle(connection, outcome, requestId);
      return undefined;
    }
    return outcome.then(
      (settled) => this.settle(connection, settled, requestId),
      (error: unknown) => this.fail(connection, error, requestId, type),
    );
  }

  private handle(
    connection: Connection,
    type: string,
    payload: unknown,
    requestId: string | undefined,
  ): MaybePromise<Outcome> {
    const handler = this.direct.get(type);
    if (handler !== undefined) return handler(connection, payload);
    // Anew, without what else the client put there.
    const envelope = { type, payload, ...(requestId === undefined ? {} : { requestId }) };
    return this.applicationHandlers.handle(connection, envelope) ?? this.handleUnknown(connection, envelope);
  }

  private async handleUnknown(connection: Connection, envelope: Envelope): Promise<Outcome> {
    const answer = await this.unhandled?.(connection, envelope);
    if (answer === undefined) throw new ProtocolError('UNKNOWN_TYPE');
    return answer;
  }

  private settle(connection: Connection, outcome: Outcome, requestId: string | undefined): void {
    if (!(outcome instanceof Later)) {
      this.inOrder(connection, () => this.answer(connection, outcome, requestId));
      return;
    }
    const fill = this.laneOf(connection).reserve();
    outcome.outcome.then(
      (late) => fill(() => this.answer(connection, late, requestId)),
      (error: unknown) => fill(() => this.answerError(connection, error, requestId)),
    );
  }

  private fail(connection: Connection, error: unknown, requestId: string | undefined, type?: string): void {
    this.inOrder(connection, () => this.answerError(connection, error, requestId, type));
  }

  private inOrder(connection: Connection, send: () => void): void {
    if (connection.lane === undefined || connection.lane.isIdle) send();
    else connection.lane.reserve()(send);
  }

  private answer(connection: Connection, reply: Reply | undefined, requestId: string | undefined): void {
    const { event, data } = reply ?? { event: 'ack', data: undefined };
    // An acknowledgement is for who asked for one.
    if (event !== 'ack' || requestId !== undefined) connection.send(event, data, requestId);
    reply?.sent?.();
  }

  /** @param type of the message; left out where it is not known any more, or never was */
  private answerError(connection: Connection, error: unknown, requestId: string | undefined, type?: string): void {
    const note = error instanceof ProtocolError ? error.note : {};
    const action = note.action ?? type;
    connection.sendError(failureOf(error, this.logger), requestId, action === undefined ? note : { ...note, action });
  }
}
