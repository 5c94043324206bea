import { Injectable, type OnModuleInit } from '@nestjs/common';

import type { Connection } from '../connections/connection.js';
import { Dispatcher } from '../connections/dispatcher.js';
import { Lifecycle } from '../connections/lifecycle.js';
import type { Reply } from '../connections/reply.js';
import { ReportedError } from '../connections/reported-error.js';
import type { Envelope } from '../protocol/envelope.js';
import { ProtocolError } from '../protocol/errors.js';
import { rejectionOf } from '../rest/rejection.js';

/**
 * Payload of `message.unhandled`: a message of a type that neither the protocol nor a gateway of the application
 * takes. Where nobody listens for the event the client gets `UNKNOWN_TYPE`. A listener rejects the message by an
 * exception, as a gateway does; Nest passes exceptions on with `@OnEvent('message.unhandled', { suppressErrors: false })`.
 */
export class UnhandledMessageEvent {
  /** @internal */
  answer: { readonly event: string; readonly data: unknown } | undefined;

  constructor(
    readonly connection: Connection,
    readonly type: string,
    readonly payload: unknown,
    /** Set when the client waits for a reply; without one from a handler it gets an `ack`. */
    readonly requestId: string | undefined,
  ) {}

  /** Answers the request. The last answer counts. */
  reply(type: string, payload?: unknown): void {
    this.answer = { event: type, data: payload };
  }
}

/** Gives messages that nobody handles to the application's `message.unhandled` listeners. */
@Injectable()
export class UnhandledService implements OnModuleInit {
  constructor(
    private readonly dispatcher: Dispatcher,
    private readonly lifecycle: Lifecycle,
  ) {}

  onModuleInit(): void {
    this.dispatcher.onUnhandled((connection, envelope) => this.offer(connection, envelope));
  }

  private async offer(connection: Connection, envelope: Envelope): Promise<Reply | undefined> {
    if (!this.lifecycle.isHeard('message.unhandled')) return undefined;
    const event = new UnhandledMessageEvent(connection, envelope.type, envelope.payload, envelope.requestId);
    const failures = await this.lifecycle.emit('message.unhandled', event);
    const rejection = failures.map(rejectionOf).find((found) => found !== undefined);
    if (rejection !== undefined) throw new ReportedError(rejection.payload);
    if (failures.length > 0 && event.answer === undefined) throw new ProtocolError('INTERNAL');
    return (event.answer ?? { event: 'ack', data: undefined }) as Reply;
  }
}
