import * as fc from 'fast-check';

import { createTicket, isTicket, nameOfTicket, sealToken, unsealToken } from '../../../src/auth/ticket-seal.js';
import { tokenFor } from '../../support/server.js';

describe('a ticket', () => {
  it('is told from a token', () => {
    expect(isTicket(createTicket())).toBe(true);
    expect(createTicket()).toMatch(/^rkt_[\w-]{43}$/);
    expect(isTicket(tokenFor())).toBe(false);
  });

  it('opens what it sealed, and nothing else does', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (token) => {
        const [ticket, other] = [createTicket(), createTicket()];
        const sealed = sealToken(ticket, token);
        expect(unsealToken(ticket, sealed)).toBe(token);
        expect(() => unsealToken(other, sealed)).toThrow(/authenticate/);
        expect(() => unsealToken(nameOfTicket(ticket), sealed)).toThrow(/authenticate/);
      }),
    );
  });

  it('shows neither itself nor its token in what is kept', () => {
    const [ticket, token] = [createTicket(), tokenFor()];
    const kept = `${nameOfTicket(ticket)} ${sealToken(ticket, token)}`;
    for (const part of [ticket.slice(4), ...token.split('.')]) expect(kept).not.toContain(part);
    expect(sealToken(ticket, token)).not.toBe(sealToken(ticket, token));
    expect(nameOfTicket(ticket)).toBe(nameOfTicket(ticket));
  });
});
