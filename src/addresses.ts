import type { AddressInfo } from 'node:net';

import { Logger } from '@nestjs/common';
import type { NestExpressApplication } from '@nestjs/platform-express';

import { TokenIssuer } from './auth/token-issuer.js';
import { RookeryOptions } from './config/rookery.options.js';
import { exampleChatAddress, hasExampleChat } from './chat-page.js';

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
  const lines = ['', 'Rookery is running.', ''];
  const issuer = app.get(TokenIssuer, { strict: false });
  if (options.auth === 'none') {
    lines.push(`  WebSocket   ${ws}?user_id=alice`);
  } else if (issuer.canIssue) {
    lines.push(`  WebSocket   ${ws}?token=${issuer.issue({ userId: 'alice' })}`);
    lines.push(`  Admin token ${issuer.issue({ userId: 'admin', admin: true })}`);
  } else {
    lines.push(`  WebSocket   ${ws}`);
  }
  if (hasExampleChat(options)) lines.push(...chatAddresses(options, issuer, http));
  if (options.docs) lines.push(`  REST        ${http}/docs`);
  lines.push(`  Health      ${http}/health/ready`, `  Metrics     ${http}/metrics`, '');
  if (options.auth === 'none') lines.push('AUTH=none: every client is believed who it says it is.', '');
  return lines;
}

/** The example chat for two, so that there is somebody to talk to. */
function chatAddresses({ auth, wsPath }: RookeryOptions, issuer: TokenIssuer, http: string): string[] {
  if (auth === 'jwt' && !issuer.canIssue) return [`  Chat        ${exampleChatAddress(http, wsPath, {})}`];
  return ['alice', 'bob'].map((userId) => {
    const credentials = auth === 'none' ? { user: userId } : { token: issuer.issue({ userId }) };
    return `  Chat        ${exampleChatAddress(http, wsPath, credentials)}`;
  });
}
