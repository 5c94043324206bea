import type { AddressInfo } from 'node:net';

import { Logger } from '@nestjs/common';
import type { NestExpressApplication } from '@nestjs/platform-express';

import { TokenIssuer } from './auth/token-issuer.js';
import { RookeryOptions } from './config/rookery.options.js';
import { CHAT_USERS } from './chat-door.js';
import { exampleChatAddress, hasExampleChat } from './chat-page.js';
import { hasStartPage } from './start-page.js';

/** Columns for a name and the space after it. */
const NAME_WIDTH = 15;

/** Says where the server is. In development the addresses are ready to use: they hold a token. */
export function printAddresses(app: NestExpressApplication): void {
  const options = app.get(RookeryOptions);
  const { port } = app.getHttpServer().address() as AddressInfo;
  const host = ['0.0.0.0', '::'].includes(options.host ?? '') ? 'localhost' : (options.host ?? 'localhost');
  const http = `http://${host}:${port}`;
  const ws = `ws://${host}:${port}${options.wsPath}`;
  if (options.nodeEnv === 'production') {
    new Logger('Rookery').log(`Listening: ${ws}`);
    return;
  }
  // Written past the log on purpose: tokens never go into one.
  process.stdout.write(`${developmentAddresses(app, options, http, ws).join('\n')}\n`);
}

function developmentAddresses(
  app: NestExpressApplication,
  options: RookeryOptions,
  http: string,
  ws: string,
): string[] {
  const issuer = app.get(TokenIssuer, { strict: false });
  const places = [
    ...(hasStartPage(options) ? [['Start page', `${http}/`]] : []),
    ...(hasExampleChat(options) ? chatAddresses(options, issuer, http) : []),
    ...socketAddresses(options, issuer, ws),
    ...(options.docs ? [['REST', `${http}/docs`]] : []),
    ['Health', `${http}/health/ready`],
    ['Metrics', `${http}/metrics`],
  ];
  const lines = places.map(([name = '', address = '']) => `  ${name.padEnd(NAME_WIDTH)}${address}`);
  const warning = options.auth === 'none' ? ['AUTH=none: every client is believed who it says it is.', ''] : [];
  return ['', 'Rookery is running.', '', ...lines, '', ...warning];
}

function socketAddresses({ auth }: RookeryOptions, issuer: TokenIssuer, ws: string): string[][] {
  if (auth === 'none') return [['WebSocket', `${ws}?user_id=alice`]];
  if (!issuer.canIssue) return [['WebSocket', ws]];
  return [
    ['WebSocket', `${ws}?token=${issuer.issue({ userId: 'alice' })}`],
    ['Admin token', issuer.issue({ userId: 'admin', admin: true })],
  ];
}

/** The example chat, for each of its users. */
function chatAddresses({ auth, wsPath }: RookeryOptions, issuer: TokenIssuer, http: string): string[][] {
  if (auth === 'jwt' && !issuer.canIssue) return [['Chat', exampleChatAddress(http, wsPath, {})]];
  return CHAT_USERS.map((userId) => {
    const credentials = auth === 'none' ? { user: userId } : { token: issuer.issue({ userId }) };
    return [`Chat as ${userId}`, exampleChatAddress(http, wsPath, credentials)];
  });
}
