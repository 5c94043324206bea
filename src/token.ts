import { parseArgs } from 'node:util';

import { NestFactory } from '@nestjs/core';

import { AppModule } from './app.module.js';
import { TokenIssuer } from './auth/token-issuer.js';

const USAGE = `Prints a token for this server’s secret.

  npm run token -- --sub alice [--room 'chat:*']... [--admin] [--ttl SECONDS]
`;

const { values } = parseArgs({
  options: {
    sub: { type: 'string' },
    room: { type: 'string', multiple: true },
    admin: { type: 'boolean', default: false },
    ttl: { type: 'string', default: '43200' },
    help: { type: 'boolean', default: false },
  },
});

const lifetimeSeconds = Number(values.ttl);
if (values.help || values.sub === undefined || !Number.isInteger(lifetimeSeconds) || lifetimeSeconds <= 0) {
  process.stderr.write(USAGE);
  process.exitCode = values.help ? 0 : 1;
} else {
  const app = await NestFactory.createApplicationContext(AppModule.with(), { logger: false });
  const issuer = app.get(TokenIssuer, { strict: false });
  const rooms = values.room === undefined ? {} : { rooms: values.room };
  process.stdout.write(`${issuer.issue({ userId: values.sub, admin: values.admin, lifetimeSeconds, ...rooms })}\n`);
  await app.close();
}
