import type { IncomingMessage } from 'node:http';
import { BlockList } from 'node:net';

import type { NestExpressApplication } from '@nestjs/platform-express';
import type { Application, Request, Response } from 'express';

import { hasOtherIssuer } from './auth/signing-key.js';
import { TokenIssuer } from './auth/token-issuer.js';
import { EXAMPLE_CHAT_PATH, exampleChatAddress, hasExampleChat } from './chat-page.js';
import { RookeryOptions } from './config/rookery.options.js';

/** Users of the example chat: two, so that there is somebody to talk to. */
export const CHAT_USERS = ['alice', 'bob'] as const;

/** The one room of the example: a token from here is good for nothing else. */
const CHAT_ROOM = 'chat';

const LOOPBACK = new BlockList();
LOOPBACK.addSubnet('127.0.0.0', 8);
LOOPBACK.addAddress('::1', 'ipv6');

/** Names that no DNS server can point elsewhere; any other may be an attacker’s, pointed at this machine. */
const LOCAL_HOST = /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])(?::\d{1,5})?$/i;

/** Set by proxies and tunnels, whose visitors may be anywhere. */
const FORWARDED = /^(?:forwarded|via|x-forwarded-.+|x-real-ip)$/;

/** Whether a request was made on this machine, to an address that only this machine has. */
export function isLocal({ socket: { remoteAddress = '' }, headers }: IncomingMessage): boolean {
  return (
    LOOPBACK.check(remoteAddress, remoteAddress.includes(':') ? 'ipv6' : 'ipv4') &&
    LOCAL_HOST.test(headers.host ?? '') &&
    !Object.keys(headers).some((name) => FORWARDED.test(name))
  );
}

/**
 * Whether a browser’s user has opened the address, from a page of this server or by hand. Scripts cannot set these
 * headers, nor can pages of other sites, of which other ports of this machine are some.
 */
function isVisit({ headers }: IncomingMessage): boolean {
  return (
    ['same-origin', 'none'].includes(String(headers['sec-fetch-site'])) &&
    headers['sec-fetch-mode'] === 'navigate' &&
    headers['sec-fetch-dest'] === 'document'
  );
}

/**
 * Whether the server has links that sign in to the example chat. It has none where a key was set: behind a proxy that
 * hides its visitors every request looks local, and a token under that key may be good elsewhere. Under the key that
 * was generated for this machine it opens one room of one development server.
 */
export function hasChatDoor(options: RookeryOptions): boolean {
  const hasGeneratedKey = options.auth === 'jwt' && options.jwtSecret === undefined && !hasOtherIssuer(options);
  return options.nodeEnv !== 'production' && hasExampleChat(options) && hasGeneratedKey;
}

/** Path of the link that opens the example chat as a user. */
export function chatDoorPath(userId: (typeof CHAT_USERS)[number]): string {
  return `${EXAMPLE_CHAT_PATH}as/${userId}`;
}

/**
 * Serves the links that open the example chat with a token. The token is in the fragment of the redirect’s address,
 * which no page of another site can read and no server is sent. Any other request is led to the chat without a token.
 */
export function serveChatDoor(app: NestExpressApplication): void {
  const { wsPath } = app.get(RookeryOptions);
  const issuer = app.get(TokenIssuer, { strict: false });
  for (const userId of CHAT_USERS) {
    (app.getHttpAdapter().getInstance() as Application).get(
      chatDoorPath(userId),
      (request: Request, response: Response) => {
        const isWelcome = isLocal(request) && isVisit(request);
        const credentials = isWelcome ? { token: issuer.issue({ userId, rooms: [CHAT_ROOM] }) } : {};
        // Without the framework's own redirect, which repeats the address in the body.
        response.status(303).setHeader('Cache-Control', 'no-store');
        response.setHeader('Location', exampleChatAddress('', wsPath, credentials)).end();
      },
    );
  }
}
