import {
  IsArray,
  IsBoolean,
  IsIn,
  IsInt,
  IsOptional,
  IsString,
  IsUrl,
  Matches,
  Max,
  Min,
  MinLength,
} from 'class-validator';

/** What a token may do in the rooms that fit a pattern. */
export type GrantEntry = string | { readonly pattern: string; readonly can?: readonly string[] };

/** Where the server listens, and who may come in. */
export class AccessOptions {
  /** `production` refuses what `development` makes up: a key, grants, an address to listen on. @default 'development' */
  @IsIn(['development', 'production', 'test'])
  nodeEnv: 'development' | 'production' | 'test' = 'development';

  /** TCP port of the stand-alone server; 0 takes a free one. @default 3000 */
  @IsInt()
  @Min(0)
  @Max(65_535)
  port = 3000;

  /** Address that the stand-alone server listens on. @default '127.0.0.1', in production '0.0.0.0' */
  @IsOptional()
  @IsString()
  host?: string;

  /** Path of the WebSocket endpoint. @default '/ws' */
  @Matches(/^\/[\w\-./~]*$/, { message: 'wsPath must be a plain path such as /ws' })
  wsPath = '/ws';

  /** `none` trusts the network: connections name themselves by `?user_id=`, REST needs no token to publish. @default 'jwt' */
  @IsIn(['jwt', 'none'])
  auth: 'jwt' | 'none' = 'jwt';

  /** Secret of HS256 tokens, at least 32 characters. Excludes the other two keys. */
  @IsOptional()
  @IsString()
  @MinLength(32)
  jwtSecret?: string;

  /** Public key in PEM form: RS256, ES256 or EdDSA tokens, as the key is. */
  @IsOptional()
  @IsString()
  @Matches(/BEGIN/, { message: 'jwtPublicKey must be a public key in PEM form' })
  jwtPublicKey?: string;

  /** Address of the issuer's key set (JWKS). Fetched at first use, cached, fetched anew for an unknown `kid`. */
  @IsOptional()
  @IsUrl({ protocols: ['http', 'https'], require_tld: false, require_protocol: true })
  jwksUrl?: string;

  /** Least time between two fetches of the key set, in milliseconds. @default 30000 */
  @IsInt()
  @Min(1000)
  jwksCooldownMs = 30_000;

  /** When set, a token's `iss` must be this. */
  @IsOptional()
  @IsString()
  jwtIssuer?: string;

  /** When set, a token's `aud` must hold this. */
  @IsOptional()
  @IsString()
  jwtAudience?: string;

  /**
   * How long a revoked token is refused, in milliseconds: at least as long as tokens are issued for.
   * @default 604800000
   */
  @IsInt()
  @Min(1000)
  revocationTtlMs = 7 * 24 * 3600 * 1000;

  /** How long a ticket (`POST /api/tickets`) is good, in milliseconds. @default 30000 */
  @IsInt()
  @Min(1000)
  @Max(600_000)
  ticketTtlMs = 30_000;

  /** Tickets that one user may get from this node within `ticketTtlMs`. @default 20 */
  @IsInt()
  @Min(0)
  ticketsPerUser = 20;

  /** Tickets that all users may get from this node within `ticketTtlMs`. @default 100000 */
  @IsInt()
  @Min(0)
  maxTickets = 100_000;

  /** The claim that holds the user. @default 'sub' */
  @IsString()
  @MinLength(1)
  jwtUserClaim = 'sub';

  /** How far clocks may be apart when `exp` and `nbf` are judged, in milliseconds. @default 5000 */
  @IsInt()
  @Min(0)
  @Max(300_000)
  jwtClockSkewMs = 5000;

  /**
   * How long before a token's end `auth:expiring` is sent, in milliseconds; half way to it where that is later.
   *
   * @default 60000
   */
  @IsInt()
  @Min(0)
  authExpiringMs = 60_000;

  /**
   * What a token without a `rooms` claim may do: a JSON list of patterns and `{pattern, can}`, or patterns separated
   * by commas. @default in development everything but broadcasting to all, in production nothing
   */
  @IsOptional()
  @IsArray()
  defaultGrants?: readonly GrantEntry[];

  /**
   * Origins of pages that may connect and get tickets, each exactly as the browser sends it. Empty lets all connect and,
   * outside production, get tickets. @default []
   */
  @IsArray()
  @Matches(/^(null|[a-z][a-z\d+.-]*:\/\/[^\s/?#@*A-Z]*)$/, {
    each: true,
    message: 'each must be an origin as browsers send it, such as https://app.example.com: no path, no *',
  })
  allowedOrigins: readonly string[] = [];

  /** Refuse upgrades without an Origin, which native clients do not send. @default false */
  @IsBoolean()
  requireOrigin = false;

  /**
   * Which proxies may name the client's address in `X-Forwarded-For`: `false`, the number of proxies in front, or
   * their addresses (`loopback`, `10.0.0.0/8`) separated by commas. Entries may have ports. @default 'false'
   */
  @IsString()
  trustProxy = 'false';
}
