import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

import { cleanUp } from './teardown.js';

/** An issuer with a key set, which a test can change, redirect and take down. */
export interface Issuer {
  readonly url: string;
  /** How often the key set was asked for. */
  readonly fetches: () => number;
  /** What it answers from now on: the keys, another status, or a redirect to an address. */
  answer: (next: { keys?: readonly object[]; status?: number; location?: string }) => void;
}

export async function startIssuer(...keys: object[]): Promise<Issuer> {
  let fetches = 0;
  let answer: Parameters<Issuer['answer']>[0] = { keys };
  const server = createServer((_request, response) => {
    fetches += 1;
    const { location, status = location === undefined ? 200 : 302 } = answer;
    response.writeHead(status, { 'Content-Type': 'application/json', ...(location === undefined ? {} : { location }) });
    response.end(JSON.stringify({ keys: answer.keys ?? [] }));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  cleanUp(() => {
    server.close();
    server.closeAllConnections();
  });
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/jwks.json`,
    fetches: () => fetches,
    answer: (next) => {
      answer = next;
    },
  };
}
