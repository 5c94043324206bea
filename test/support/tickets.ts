import request from 'supertest';

import type { TestServer } from './server.js';
import { tokenFor, type Claims } from './server.js';

/** Asks for a ticket; the answer, whatever it is. */
export function askForTicket(server: TestServer, token: string = tokenFor()): request.Test {
  return request(server.http).post('/api/tickets').auth(token, { type: 'bearer' });
}

/** A ticket for a token with these claims, or for one that is given. */
export async function ticketFor(server: TestServer, from: Claims | string = {}): Promise<string> {
  const token = typeof from === 'string' ? from : tokenFor(from);
  const { body } = await askForTicket(server, token).expect(201);
  return (body as { ticket: string }).ticket;
}
