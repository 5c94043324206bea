import { Inject, Injectable } from '@nestjs/common';

import { Cluster } from '../cluster/cluster.js';
import { RookeryOptions } from '../config/rookery.options.js';
import { ProtocolError } from '../protocol/errors.js';
import type { Principal } from './principal.js';
import { TicketAllowance } from './ticket-allowance.js';
import { createTicket, nameOfTicket, sealToken, unsealToken } from './ticket-seal.js';
import { TokenError } from './token-verifier.js';

/** A ticket and its end. */
export interface IssuedTicket {
  readonly ticket: string;
  /** In milliseconds since 1970. */
  readonly expiresAt: number;
}

const KIND = 'ticket:';

/**
 * Tickets that stand for a token once, so that the token itself need not be in an address. What is kept of one is its
 * digest and the token, sealed so that only the ticket opens it. The token is judged anew when the ticket is used:
 * everything that it says, and its revocation, counts for the connection.
 */
@Injectable()
export class Tickets {
  private readonly allowance: TicketAllowance;

  constructor(
    private readonly options: RookeryOptions,
    @Inject(Cluster) private readonly cluster: Cluster,
  ) {
    this.allowance = new TicketAllowance(options.ticketsPerUser, options.maxTickets, options.ticketTtlMs);
  }

  /**
   * Makes a ticket for a token that was found good.
   *
   * @throws ProtocolError `FORBIDDEN` where connections need no token, `RATE_LIMITED`
   * @throws BrokerUnavailableError
   */
  async issue(token: string | undefined, { userId, expiresAt = Infinity }: Principal): Promise<IssuedTicket> {
    if (this.options.auth === 'none' || token === undefined) {
      throw new ProtocolError('FORBIDDEN', undefined, 'Connections need no token here, and so no ticket (AUTH=none)');
    }
    const waitMs = this.allowance.take(userId, performance.now());
    if (waitMs > 0) {
      throw new ProtocolError('RATE_LIMITED', { retryAfterMs: Math.ceil(waitMs) }, 'Too many tickets');
    }
    const { ticketTtlMs } = this.options;
    const ticket = createTicket();
    await this.cluster.deposit(KIND + nameOfTicket(ticket), sealToken(ticket, token), ticketTtlMs);
    return { ticket, expiresAt: Math.min(Date.now() + ticketTtlMs, expiresAt) };
  }

  /**
   * The token that a ticket stands for, the first time.
   *
   * @throws TokenError for a ticket that was used, is over or was never made
   * @throws BrokerUnavailableError
   */
  async redeem(ticket: string): Promise<string> {
    const sealed = await this.cluster.collect(KIND + nameOfTicket(ticket));
    if (sealed === undefined) throw new TokenError('The ticket is not valid, or was used', { fault: 'TICKET_INVALID' });
    return unsealToken(ticket, sealed);
  }
}
