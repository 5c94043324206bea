import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';

import { Inject, Injectable } from '@nestjs/common';
import { WebSocketServer, type Server } from 'ws';

import {
  Authenticator,
  CANNOT_VERIFY,
  TokenMissingError,
  credentialsOf,
  type Credentials,
} from '../auth/authenticator.js';
import { clientAddressReader } from '../auth/client-address.js';
import type { Principal } from '../auth/principal.js';
import { reasonOf } from '../auth/token-fault.js';
import { TokenError } from '../auth/token-verifier.js';
import { UpgradeRequest } from '../auth/upgrade-request.js';
import { Broker, BrokerUnavailableError, type MaybePromise } from '../broker/broker.js';
import { RookeryOptions } from '../config/rookery.options.js';
import { BEARER_SUBPROTOCOL_PREFIX, SUBPROTOCOL } from '../protocol/envelope.js';
import { REFUSALS, type RefusalCode } from '../protocol/refusals.js';
import { EVERYBODY, userRoom } from '../protocol/room-name.js';
import { Journal, type JournalLevel } from '../telemetry/journal.js';
import type { RefusalLabel } from '../telemetry/refusal-label.js';
import { Telemetry } from '../telemetry/telemetry.js';
import { Admission, type Place } from './admission.js';
import { ClientSocket } from './client-socket.js';
import type { ConnectionDetails } from './connection.js';
import { ConnectionOpener } from './connection-opener.js';
import { DrainState } from './drain-state.js';
import { problemOfHandshake } from './handshake.js';
import { PER_MESSAGE_DEFLATE, negotiateCompression } from './extension-offers.js';
import { originCheck } from './origin.js';
import { positionsOf } from './own-room-recovery.js';
import { refuse } from './refusal.js';
import { JSON_WIRE, deflatedJsonWire, type Wire } from './wire.js';

/** How long the other side may take to answer a close. */
const CLOSE_TIMEOUT_MS = 5000;
const MAX_FRAGMENTS = 1024;

/** A refusal on its way to the client. */
class Refusal extends Error {
  /** @param user where it is known who it is */
  constructor(
    readonly code: RefusalCode,
    message: string = REFUSALS[code].message,
    readonly user?: string,
  ) {
    super(message);
  }
}

/**
 * From an HTTP upgrade to a connection. Everything that can be refused is refused here, before the 101, with a status
 * and a reason; what costs least is looked at first.
 */
@Injectable()
export class UpgradeHandler {
  /** Speaks RFC 6455; it is handed upgrades and listens to nothing by itself. */
  readonly server: Server<typeof ClientSocket>;

  private readonly addressOf: (request: IncomingMessage) => string;
  private readonly isOriginAllowed: (origin: string | undefined) => boolean;
  private readonly deflatedWire: Wire;
  private pending = 0;

  constructor(
    private readonly options: RookeryOptions,
    private readonly authenticator: Authenticator,
    private readonly admission: Admission,
    private readonly opener: ConnectionOpener,
    private readonly drain: DrainState,
    @Inject(Broker) private readonly broker: Broker,
    telemetry: Telemetry,
    private readonly journal: Journal,
  ) {
    this.deflatedWire = deflatedJsonWire(options.compressionThreshold, telemetry);
    this.addressOf = clientAddressReader(options.trustProxy);
    this.isOriginAllowed = originCheck(options.allowedOrigins, options.requireOrigin);
    // Named apart: the types of ws do not know its newest bounds yet.
    const serverOptions = {
      noServer: true,
      clientTracking: false,
      WebSocket: ClientSocket,
      maxPayload: options.maxMessageBytes,
      maxFragments: MAX_FRAGMENTS,
      closeTimeout: CLOSE_TIMEOUT_MS,
      perMessageDeflate: options.compression && PER_MESSAGE_DEFLATE,
      handleProtocols: (offered: Set<string>) => (offered.has(SUBPROTOCOL) ? SUBPROTOCOL : (false as const)),
    };
    this.server = new WebSocketServer(serverOptions);
    this.server.on('wsClientError', (error: Error, socket, request) =>
      this.refuse(request, socket as Socket, new Refusal('BAD_HANDSHAKE', error.message)),
    );
  }

  /** True for the path of the endpoint, which may end in a slash. */
  serves(url: string | undefined): boolean {
    const path = pathOf(url);
    return path === this.options.wsPath || path === `${this.options.wsPath}/`;
  }

  /** Handles an `upgrade` event of the HTTP server. */
  handle(request: IncomingMessage, socket: Socket, head: Buffer): void {
    // From the first line on: a reset while the token is being verified must not end the process.
    socket.on('error', ignore);
    let place: Place;
    let query: URLSearchParams;
    let judged: MaybePromise<Principal>;
    try {
      place = this.admit(request);
      socket.once('close', place.give);
      query = queryOf(request.url);
      judged = this.judge(credentialsOf(request.headers, query), place);
    } catch (error) {
      this.refuse(request, socket, error);
      return;
    }
    const complete = (principal: Principal): void => {
      const recover = positionsOf(query, principal.userId);
      this.complete(request, socket, head, { principal, recover, address: place.address }, place.give);
    };
    if (judged instanceof Promise) judged.then(complete, (error: unknown) => this.refuse(request, socket, error));
    else complete(judged);
  }

  /** What can be judged at once. */
  private admit(request: IncomingMessage): Place {
    if (!this.serves(request.url)) throw new Refusal('NOT_FOUND');
    this.checkDraining();
    const problem = problemOfHandshake(request);
    if (problem !== undefined) throw new Refusal('BAD_HANDSHAKE', problem);
    if (!this.isOriginAllowed(request.headers.origin)) throw new Refusal('ORIGIN_NOT_ALLOWED');
    if (!offersSupported(request)) throw new Refusal('UNSUPPORTED_SUBPROTOCOL');
    this.checkReady(EVERYBODY);
    const { maxPendingUpgrades } = this.options;
    if (maxPendingUpgrades > 0 && this.pending >= maxPendingUpgrades) throw new Refusal('FULL');
    const place = this.admission.take(this.addressOf(request));
    if (typeof place === 'string') throw new Refusal(place);
    return place;
  }

  /** Without the broker a connection cannot be set up: better to say so before there is one. */
  private checkReady(room: string): void {
    if (this.broker.isReady?.(room) === false) throw new Refusal('UNAVAILABLE', 'The broker cannot be reached');
  }

  private checkDraining(): void {
    if (this.drain.draining) throw new Refusal('DRAINING');
  }

  /** Who it is, and whether there is room for it. With a secret or key at hand that is known at once. */
  private judge(credentials: Credentials, place: Place): MaybePromise<Principal> {
    const principal = this.authenticator.authenticate(credentials);
    const judged = principal instanceof Promise ? this.judgeLater(principal, place) : this.takeUser(principal, place);
    return judged instanceof Promise ? this.pendingUntil(judged) : judged;
  }

  /** What may have changed meanwhile is looked at again. */
  private async judgeLater(authenticated: Promise<Principal>, place: Place): Promise<Principal> {
    const principal = await this.inTime(authenticated);
    this.checkDraining();
    this.checkReady(EVERYBODY);
    return this.takeUser(principal, place);
  }

  private takeUser(principal: Principal, place: Place): MaybePromise<Principal> {
    // The rooms of some users may be on a server that is away.
    this.checkReady(userRoom(principal.userId));
    const taken = place.takeUser(principal.userId);
    const settle = (refusal: RefusalCode | undefined): Principal => {
      if (refusal !== undefined) throw new Refusal(refusal, undefined, principal.userId);
      return principal;
    };
    return taken instanceof Promise ? taken.then(settle) : settle(taken);
  }

  private async pendingUntil(judged: Promise<Principal>): Promise<Principal> {
    this.pending += 1;
    try {
      return await judged;
    } finally {
      this.pending -= 1;
    }
  }

  private async inTime(authenticated: Promise<Principal>): Promise<Principal> {
    let timer: NodeJS.Timeout | undefined;
    try {
      const timeout = new Promise<never>((_resolve, reject) => {
        timer = setTimeout(() => reject(new Error('Verifying the token took too long')), this.options.upgradeTimeoutMs);
      });
      return await Promise.race([authenticated, timeout]);
    } finally {
      clearTimeout(timer);
    }
  }

  private complete(
    request: IncomingMessage,
    socket: Socket,
    head: Buffer,
    details: Omit<ConnectionDetails, 'wire' | 'request'>,
    onClosed: () => void,
  ): void {
    if (socket.destroyed) return;
    if (this.options.compression) negotiateCompression(request);
    // The 101 leaves with the greeting.
    socket.cork();
    this.server.handleUpgrade(request, socket, head, (ws) => {
      socket.off('error', ignore);
      const wire = ws.extensions.includes('permessage-deflate') ? this.deflatedWire : JSON_WIRE;
      this.opener.open(ws, request, { ...details, wire, request: new UpgradeRequest(request) }, onClosed);
    });
  }

  /** Counts a refusal, logs it, and answers with its status. */
  private refuse(request: IncomingMessage, socket: Socket, error: unknown): void {
    const { code, message, label = code, reason = message, user, level } = refusalOf(error);
    const about = { user, address: this.addressOf(request), path: pathOf(request.url), status: REFUSALS[code].status };
    this.journal.refusedUpgrade(label, reason, level === undefined ? about : { ...about, level });
    if (!socket.destroyed) refuse(socket, code, message);
  }

  /**
   * Counts and logs the refusal of a request that became no upgrade, and answers it where there is a socket to answer on.
   */
  reply(socket: Socket | undefined, code: RefusalCode): void {
    const { status, message } = REFUSALS[code];
    this.journal.refusedUpgrade(code, message, { address: socket?.remoteAddress, status });
    if (socket?.destroyed === false) refuse(socket, code, message);
  }
}

/** The code and text for the client, and those for the log where they differ. */
interface Told {
  readonly code: RefusalCode;
  readonly message: string;
  readonly label?: RefusalLabel;
  readonly reason?: string;
  readonly user?: string | undefined;
  readonly level?: JournalLevel;
}

function refusalOf(error: unknown): Told {
  if (error instanceof Refusal) return { code: error.code, message: error.message, user: error.user };
  if (error instanceof TokenMissingError) return { code: 'TOKEN_MISSING', message: error.message };
  if (error instanceof TokenError) {
    const { message, fault, userId: user } = error;
    return { code: 'TOKEN_INVALID', message, label: fault, reason: reasonOf(error), user };
  }
  if (error instanceof BrokerUnavailableError) return { code: 'UNAVAILABLE', message: CANNOT_VERIFY };
  const reason = `A token could not be judged: ${error instanceof Error ? error.message : String(error)}`;
  return { code: 'UNAVAILABLE', message: CANNOT_VERIFY, reason, level: 'error' };
}

function pathOf(url = ''): string {
  const end = url.indexOf('?');
  return end < 0 ? url : url.slice(0, end);
}

function queryOf(url = ''): URLSearchParams {
  const start = url.indexOf('?');
  return new URLSearchParams(start < 0 ? '' : url.slice(start + 1));
}

/** A client that offers nothing gets the one subprotocol there is; one that offers only others is told so. */
function offersSupported({ headers }: IncomingMessage): boolean {
  const { 'sec-websocket-protocol': list } = headers;
  if (list === undefined) return true;
  const offered = list
    .split(',')
    .map((entry) => entry.trim())
    .filter((entry) => entry !== '' && !entry.startsWith(BEARER_SUBPROTOCOL_PREFIX));
  return offered.length === 0 || offered.includes(SUBPROTOCOL);
}

function ignore(): void {
  // The socket closes itself; whoever holds its place hears of that.
}
