import { createHmac } from 'node:crypto';

import { Test } from '@nestjs/testing';

import { AuthModule } from '../../../src/auth/auth.module.js';
import type { Principal } from '../../../src/auth/principal.js';
import { TokenIssuer } from '../../../src/auth/token-issuer.js';
import { TokenVerifier } from '../../../src/auth/token-verifier.js';
import { RookeryConfigModule } from '../../../src/config/config.module.js';
import type { RookeryOptionsInput } from '../../../src/config/rookery.options.js';
import { SECRET } from '../../support/server.js';
import { cleanUp } from '../../support/teardown.js';

const encode = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');

/** A token made by hand, for what no library would sign: any header, any payload, HMAC over both. */
export function forge(header: object, payload: unknown, key: string | Buffer = SECRET): string {
  const signed = `${encode(header)}.${encode(payload)}`;
  return `${signed}.${createHmac('sha256', key).update(signed).digest('base64url')}`;
}

export const seconds = (): number => Math.floor(Date.now() / 1000);

/** A verifier that answers later, with refusals as well, whether it knows at once or not. */
interface PatientVerifier {
  verify(token: string): Promise<Principal>;
}

/** The module's own verifier and issuer, put together as the server does it. */
export async function authWith(
  options: RookeryOptionsInput = { jwtSecret: SECRET },
): Promise<{ verifier: PatientVerifier; issuer: TokenIssuer }> {
  const app = await Test.createTestingModule({
    imports: [RookeryConfigModule.forRoot({ nodeEnv: 'test', ...options }), AuthModule.with({})],
  }).compile();
  cleanUp(() => app.close());
  const verifier = app.get<TokenVerifier>(TokenVerifier);
  return { verifier: { verify: async (token) => verifier.verify(token) }, issuer: app.get(TokenIssuer) };
}
