import request from 'supertest';

import { eventually } from './eventually.js';
import type { TestServer } from './server.js';
import { tokenFor, type Claims } from './server.js';

/** Asks for a ticket; the answer, whatever it is. */
export function askForTicket(server: TestServer, token: string = tokenFor()): request.Test {
  return request(server.http).post('/api/tickets').auth(token, { type: 'bearer' });
}

/** A ticket for a token with these claims, or for one that is given; asked for again while its Redis seems away. */
export async function ticketFor(server: TestServer, from: Claims | string = {}): Promise<string> {
  const token = typeof from === 'string' ? from : tokenFor(from);
  const { status, body } = await eventually(
    () => askForTicket(server, token),
    (answer) => answer.status !== 503,
  );
  expect([status, body]).toEqual([201, expect.objectContaining({ ticket: expect.any(String) as string })]);
  return (body as { ticket: string }).ticket;
}
