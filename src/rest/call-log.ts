import type { IncomingMessage } from 'node:http';

import { Injectable } from '@nestjs/common';

import { clientAddressReader } from '../auth/client-address.js';
import type { Principal } from '../auth/principal.js';
import { RookeryOptions } from '../config/rookery.options.js';
import { ProtocolError, type ErrorPayload } from '../protocol/errors.js';
import { REFUSALS } from '../protocol/refusals.js';
import { Journal, type About } from '../telemetry/journal.js';
import { withoutQuery } from '../telemetry/log-line.js';
import { Telemetry, errorLabel } from '../telemetry/telemetry.js';
import { callerOf, type RestCall } from './rest-call.js';

/** The requests of both platforms: Express extends Node's, Fastify wraps it. */
interface PlatformRequest {
  readonly raw?: IncomingMessage;
  readonly url?: string | undefined;
  /** The address before Express took the prefix of a router off. */
  readonly originalUrl?: string;
  readonly principal?: Principal;
}

/** Counts and logs REST calls that are answered with an error, and logs what operators do. */
@Injectable()
export class CallLog {
  private readonly addressOf: (request: IncomingMessage) => string;

  constructor(
    options: RookeryOptions,
    private readonly telemetry: Telemetry,
    private readonly journal: Journal,
  ) {
    this.addressOf = clientAddressReader(options.trustProxy);
  }

  /**
   * Takes a call that is answered with an error.
   *
   * @param request the platform's
   * @param error what was thrown
   */
  refused(request: unknown, status: number, payload: ErrorPayload, error: unknown): void {
    this.telemetry.callErrors.add(errorLabel(payload.code));
    const note = error instanceof ProtocolError ? error.note : {};
    this.journal.refused('call.refused', payload, note, { ...this.about(request as PlatformRequest), status });
  }

  /** Counts and logs a plain request to the endpoint, which is answered with 426. */
  notUpgraded(request: IncomingMessage): void {
    const { status, message } = REFUSALS.UPGRADE_REQUIRED;
    this.journal.refusedUpgrade('UPGRADE_REQUIRED', message, { ...this.about(request), status });
  }

  /**
   * Logs what an operator did.
   *
   * @param target the connection, user or token that it was done to
   * @example
   * this.calls.acted(call, 'disconnect user', id, `${count} connections`);
   */
  acted(call: RestCall, action: string, target: string, result?: string): void {
    const { address } = this.about(call);
    this.journal.acted(action, {
      by: callerOf(call).userId,
      address,
      target,
      ...(result === undefined ? {} : { result }),
    });
  }

  private about(request: PlatformRequest): About {
    const raw = request.raw ?? (request as IncomingMessage);
    return {
      user: request.principal?.userId,
      address: this.addressOf(raw),
      method: raw.method,
      path: withoutQuery(request.originalUrl ?? request.url),
    };
  }
}
