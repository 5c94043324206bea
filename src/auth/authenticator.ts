import { randomBytes } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';

import { Inject, Injectable } from '@nestjs/common';

import { RookeryOptions } from '../config/rookery.options.js';
import { BEARER_SUBPROTOCOL_PREFIX } from '../protocol/envelope.js';
import { ProtocolError } from '../protocol/errors.js';
import { MAX_USER_ID_LENGTH, isPrintable } from '../protocol/room-name.js';
import { defaultGrantsOf, type GrantTemplate } from './grants.js';
import type { Principal } from './principal.js';
import { Revocations } from './revocations.js';
import { isTicket } from './ticket-seal.js';
import { Tickets } from './tickets.js';
import { reasonOf } from './token-fault.js';
import { TokenError, TokenUnavailableError, TokenVerifier } from './token-verifier.js';

/** What an HTTP request brings along to say who it is from. */
export interface Credentials {
  readonly token?: string;
  /** `?user_id=`, believed on a trusted network only. */
  readonly userId?: string;
}

/** No token where one is needed. */
export class TokenMissingError extends TokenError {}

const BEARER = /^Bearer +([\w.~+/-]+=*)$/i;

/** Said in place of an error that holds more than is the client's. */
export const CANNOT_VERIFY = 'Tokens cannot be verified at the moment';

/** What a client is told when its token was not taken; what is left as it is, is a fault of the server. */
export function refusalOf(error: unknown): unknown {
  if (error instanceof TokenMissingError) return new ProtocolError('TOKEN_MISSING').noted({ reason: error.message });
  if (error instanceof TokenError) {
    const note = { code: error.fault, reason: reasonOf(error), user: error.userId };
    return new ProtocolError('TOKEN_INVALID', undefined, error.message).noted(note);
  }
  if (error instanceof TokenUnavailableError) {
    return new ProtocolError('UNAVAILABLE', undefined, CANNOT_VERIFY).noted({ reason: error.message });
  }
  return error;
}

/** Reads the credentials of an upgrade: header first, then subprotocol, then query. */
export function credentialsOf(headers: IncomingHttpHeaders, query: URLSearchParams): Credentials {
  const token = bearerOf(headers) ?? subprotocolTokenOf(headers) ?? query.get('token') ?? undefined;
  const userId = query.get('user_id') ?? undefined;
  return { ...(token === undefined ? {} : { token }), ...(userId === undefined ? {} : { userId }) };
}

/** The token of an `Authorization: Bearer` header. */
export function bearerOf({ authorization }: IncomingHttpHeaders): string | undefined {
  return authorization === undefined ? undefined : BEARER.exec(authorization)?.[1];
}

function subprotocolTokenOf(headers: IncomingHttpHeaders): string | undefined {
  const offered = headers['sec-websocket-protocol']?.split(',').map((entry) => entry.trim());
  return offered?.find((entry) => entry.startsWith(BEARER_SUBPROTOCOL_PREFIX))?.slice(BEARER_SUBPROTOCOL_PREFIX.length);
}

/** Tells who a request is from. */
@Injectable()
export class Authenticator {
  private readonly trustsNetwork: boolean;
  private readonly takesTokens: boolean;
  private readonly trusted: GrantTemplate;

  constructor(
    options: RookeryOptions,
    @Inject(TokenVerifier) private readonly verifier: TokenVerifier,
    private readonly revocations: Revocations,
    private readonly tickets: Tickets,
  ) {
    this.trustsNetwork = options.auth === 'none';
    // On a trusted network a token counts only where a key was set for it: operators show one for the scope `admin`.
    this.takesTokens =
      !this.trustsNetwork || (options.jwtSecret ?? options.jwtPublicKey ?? options.jwksUrl) !== undefined;
    this.trusted = defaultGrantsOf(options);
  }

  /**
   * At once where nothing has to be asked.
   *
   * @throws TokenError for a token that is missing or not good
   * @throws any other error where a token could not be judged
   */
  authenticate({ token, userId }: Credentials): Principal | Promise<Principal> {
    if (token !== undefined && this.takesTokens) return this.verify(token);
    if (!this.trustsNetwork) throw new TokenMissingError('A token is required');
    return this.trust(userId);
  }

  /**
   * Tells who a REST call is from. On a trusted network a call without a token is the network's own: it has the
   * default grants and no name. A ticket is no token here: otherwise one would get the next, without end.
   *
   * @throws TokenError for a token that is missing or not good
   */
  authenticateCall(token: string | undefined): Principal | Promise<Principal> {
    if (token !== undefined && isTicket(token)) throw new TokenError('A ticket is good for a connection only');
    if (token === undefined && this.trustsNetwork) {
      return { userId: '', admin: false, grants: this.trusted.for('') };
    }
    return this.authenticate(token === undefined ? {} : { token });
  }

  /**
   * Judges a token, also one that is revoked, or the ticket that stands for one.
   *
   * @throws TokenError
   */
  verify(token: string): Principal | Promise<Principal> {
    return isTicket(token) ? this.verifyTicket(token) : this.judge(token);
  }

  private async verifyTicket(ticket: string): Promise<Principal> {
    return this.judge(await this.tickets.redeem(ticket));
  }

  private judge(token: string): Principal | Promise<Principal> {
    const principal = this.verifier.verify(token);
    // Also of another library or realm: taken for a principal, a promise would let anybody in.
    if ('then' in principal) return Promise.resolve(principal).then((late) => this.revocations.check(late));
    return this.revocations.check(principal);
  }

  private trust(userId: string | undefined): Principal {
    const name = userId ?? `guest-${randomBytes(6).toString('base64url')}`;
    if (!isPrintable(name, MAX_USER_ID_LENGTH)) throw new TokenError('user_id is not a user id');
    return { userId: name, admin: false, grants: this.trusted.for(name) };
  }
}
