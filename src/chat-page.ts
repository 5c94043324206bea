import { existsSync } from 'node:fs';
import type { ServerResponse } from 'node:http';
import { fileURLToPath } from 'node:url';

import type { NestExpressApplication } from '@nestjs/platform-express';

import type { RookeryOptions } from './config/rookery.options.js';

/** Where the example is served; what comes after a `#` in its address never reaches a server. */
export const EXAMPLE_CHAT_PATH = '/chat/';

/** The page, and the client that it is an example of: the same from `src/` and from `dist/`. */
const FOLDERS = ['../examples/chat', '../client/dist'].map((path) => fileURLToPath(new URL(path, import.meta.url)));

/**
 * Scripts and connections of this server only. Not the policy of the other pages, which has browsers upgrade `ws:` to
 * `wss:`: in development there is no TLS.
 */
const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  'img-src data:',
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join(';');

function setHeaders(response: ServerResponse): void {
  response.setHeader('Content-Security-Policy', CONTENT_SECURITY_POLICY);
  // What was built a moment ago is what is wanted.
  response.setHeader('Cache-Control', 'no-cache');
}

/** Whether there is an example to serve: where Rookery was installed as a package there is none. */
export function hasExampleChat({ exampleChat = false }: RookeryOptions): boolean {
  return exampleChat && FOLDERS.every((folder) => existsSync(folder));
}

/**
 * Serves the example chat. These are files and nothing else: they hold no token, so that a page of another site has
 * nothing to get from here. The tokens are in the addresses that the server prints, and in those that `chat-door.ts`
 * leads its own user to.
 */
export function serveExampleChat(app: NestExpressApplication): void {
  for (const folder of FOLDERS) app.useStaticAssets(folder, { prefix: EXAMPLE_CHAT_PATH.slice(0, -1), setHeaders });
}

/**
 * Where to open the example, ready to use.
 *
 * @param http the server's address
 * @param credentials of the user that the page is to be: a token, or a user where the server believes everybody
 */
export function exampleChatAddress(
  http: string,
  wsPath: string,
  credentials: { readonly token?: string; readonly user?: string },
): string {
  const said = { ...credentials, ...(wsPath === '/ws' ? {} : { path: wsPath }) };
  const fragment = new URLSearchParams(said).toString();
  return `${http}${EXAMPLE_CHAT_PATH}${fragment === '' ? '' : `#${fragment}`}`;
}
