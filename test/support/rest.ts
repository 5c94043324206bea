import request from 'supertest';

import type { AckPayload } from '../../src/protocol/messages.js';
import { tokenFor, type Claims, type TestServer } from './server.js';

/** Publishes over REST: the body of an answer that must be 200. */
export async function post(
  server: TestServer,
  target: string,
  body: object,
  claims: Claims = {},
): Promise<AckPayload & { readonly success: boolean }> {
  const answer = await request(server.http)
    .post(`/api/${target}`)
    .auth(tokenFor(claims), { type: 'bearer' })
    .send(body)
    .expect(200);
  return answer.body as AckPayload & { readonly success: boolean };
}
