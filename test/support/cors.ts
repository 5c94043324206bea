import request from 'supertest';

import type { TestServer } from './server.js';

/** What a browser asks before a page of another origin may show a token to a call. */
export function preflight(
  server: TestServer,
  origin: string,
  { path = '/api/tickets', method = 'POST' } = {},
): request.Test {
  return request(server.http)
    .options(path)
    .set('Origin', origin)
    .set('Access-Control-Request-Method', method)
    .set('Access-Control-Request-Headers', 'authorization');
}

/** The headers of an answer that tell a browser what pages may do. */
export function corsHeadersOf(headers: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => name.startsWith('access-control-')));
}
