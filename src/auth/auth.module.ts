import { Module, type DynamicModule, type ModuleMetadata, type Type } from '@nestjs/common';
import { JwtModule } from '@nestjs/jwt';

import { ClusterModule } from '../cluster/cluster.module.js';
import { RookeryOptions } from '../config/rookery.options.js';
import { Authenticator } from './authenticator.js';
import { JwtKeySource, JwtTokenVerifier } from './jwt.token-verifier.js';
import { keySourceOf } from './key-source.factory.js';
import type { KeySource } from './key-source.js';
import { GrantsRoomPolicy, RoomPolicy } from './room-policy.js';
import { Revocations } from './revocations.js';
import { Tickets } from './tickets.js';
import { TokenIssuer } from './token-issuer.js';
import { TokenVerifier } from './token-verifier.js';

/** What an application can put in place of the module's own. */
export interface AuthOverrides {
  readonly roomPolicy?: Type<RoomPolicy>;
  readonly tokenVerifier?: Type<TokenVerifier>;
  /** Modules whose providers the two above need. */
  readonly imports?: ModuleMetadata['imports'];
}

/** The key source by itself, so that both the JWT module and the verifier get the same one. */
@Module({
  providers: [{ provide: JwtKeySource, useFactory: keySourceOf, inject: [RookeryOptions] }],
  exports: [JwtKeySource],
})
class KeysModule {}

const Jwt = JwtModule.registerAsync({
  imports: [KeysModule],
  inject: [JwtKeySource, RookeryOptions],
  useFactory: (keys: KeySource, options: RookeryOptions) => ({
    secretOrKeyProvider: (_request, token) => keys.onlyKey ?? keys.keyFor(headerOf(token)),
    verifyOptions: {
      algorithms: keys.algorithms.filter((name) => name !== 'EdDSA') as 'HS256'[],
      clockTolerance: options.jwtClockSkewMs / 1000,
      ...(options.jwtIssuer === undefined ? {} : { issuer: options.jwtIssuer }),
      ...(options.jwtAudience === undefined ? {} : { audience: options.jwtAudience }),
    },
  }),
});

/** Header of a token to verify; a payload to sign has none, and the one key there is serves it. */
function headerOf(token: string | object | Buffer): { alg?: string; kid?: string } {
  if (typeof token !== 'string') return {};
  const header: unknown = JSON.parse(Buffer.from(token.slice(0, token.indexOf('.')), 'base64url').toString());
  return header as { alg?: string; kid?: string };
}

/** From a token to a principal and its grants. */
@Module({})
export class AuthModule {
  static with({ roomPolicy, tokenVerifier, imports = [] }: AuthOverrides): DynamicModule {
    return {
      module: AuthModule,
      imports: [KeysModule, Jwt, ClusterModule, ...imports],
      providers: [
        Authenticator,
        Revocations,
        Tickets,
        TokenIssuer,
        { provide: TokenVerifier, useClass: tokenVerifier ?? JwtTokenVerifier },
        { provide: RoomPolicy, useClass: roomPolicy ?? GrantsRoomPolicy },
      ],
      exports: [Authenticator, Revocations, Tickets, TokenIssuer, TokenVerifier, RoomPolicy],
    };
  }
}
