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

import type { RoomRule } from './room-rule.js';

export const LOG_LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** What a token may do in the rooms that fit a pattern. */
export type GrantEntry = string | { readonly pattern: string; readonly can?: readonly string[] };

/**
 * Everything that can be set. The environment's name of an option is its name in capitals: `maxMessageBytes` is
 * `MAX_MESSAGE_BYTES`. Where a number is a bound, `0` means no bound.
 */
export class RookeryOptions {
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

  /** The claim that holds the user. @default 'sub' */
  @IsString()
  @MinLength(1)
  jwtUserClaim = 'sub';

  /** How far clocks may be apart when `exp` and `nbf` are judged, in milliseconds. @default 5000 */
  @IsInt()
  @Min(0)
  @Max(300_000)
  jwtClockSkewMs = 5000;

  /** How long before a token's end `auth:expiring` is sent, in milliseconds. @default 60000 */
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

  /** Origins that browsers may connect from, each exactly as the browser sends it; empty allows every one. @default [] */
  @IsArray()
  @IsString({ each: true })
  allowedOrigins: readonly string[] = [];

  /** Refuse upgrades without an Origin, which native clients do not send. @default false */
  @IsBoolean()
  requireOrigin = false;

  /**
   * Which proxies may name the client's address in `X-Forwarded-For`: `false`, the number of proxies in front, or
   * their addresses (`loopback`, `10.0.0.0/8`) separated by commas. @default 'false'
   */
  @IsString()
  trustProxy = 'false';

  /** File with the rules of rooms by pattern (JSON); see {@link RoomRule}. */
  @IsOptional()
  @IsString()
  roomsFile?: string;

  /** Rules of rooms by pattern, the first that fits applies; in place of `roomsFile`. @default [] */
  @IsArray()
  rooms: readonly RoomRule[] = [];

  /** Largest message from a client, in bytes; larger ones end the connection with 1009. @default 524288 */
  @IsInt()
  @Min(0)
  maxMessageBytes = 512 * 1024;

  /** Rooms that one connection may be in, its own and everybody's not counted. @default 128 */
  @IsInt()
  @Min(0)
  maxRoomsPerConnection = 128;

  /** Connections of this node. @default 20000 */
  @IsInt()
  @Min(0)
  maxConnections = 20_000;

  /** Connections from one address. @default 1000 */
  @IsInt()
  @Min(0)
  maxConnectionsPerAddress = 1000;

  /** Connections of one user. @default 100 */
  @IsInt()
  @Min(0)
  maxConnectionsPerUser = 100;

  /** Upgrades whose token is being verified at one time; further ones get 503. @default 1000 */
  @IsInt()
  @Min(0)
  maxPendingUpgrades = 1000;

  /** How long an upgrade may wait for its token to be verified, in milliseconds. @default 10000 */
  @IsInt()
  @Min(100)
  upgradeTimeoutMs = 10_000;

  /** Messages per second that one connection may send in the long run. @default 50 */
  @IsInt()
  @Min(0)
  rateLimit = 50;

  /** Messages that one connection may send at once. @default 100 */
  @IsInt()
  @Min(1)
  rateBurst = 100;

  /**
   * Offences after which a connection is closed: 4429 for messages over the rate, 4400 for broken ones. One is
   * forgiven each second. @default 100
   */
  @IsInt()
  @Min(0)
  maxOffences = 100;

  /** Bytes that may wait for one connection's socket; beyond, the connection catches up from history. @default 1048576 */
  @IsInt()
  @Min(0)
  outboxBytes = 1024 * 1024;

  /** How often the server pings, in milliseconds. @default 30000 */
  @IsInt()
  @Min(0)
  heartbeatIntervalMs = 30_000;

  /** Silence after which a connection is dead, in milliseconds. @default 60000 */
  @IsInt()
  @Min(1)
  heartbeatTimeoutMs = 60_000;

  /**
   * How long a connection may leave what waits for it unread, in milliseconds. While its outbox is stuck it cannot
   * see pings, so this counts in place of `heartbeatTimeoutMs`. @default 300000
   */
  @IsInt()
  @Min(1)
  stallTimeoutMs = 300_000;

  /** Messages kept per room. `0` keeps none. @default 1000 */
  @IsInt()
  @Min(0)
  historySize = 1000;

  /** How long a message is kept, in milliseconds; an empty room's too. @default 300000 */
  @IsInt()
  @Min(0)
  historyTtlMs = 300_000;

  /** Bytes of history over all rooms; beyond, the oldest messages go. @default 268435456 */
  @IsInt()
  @Min(0)
  historyMaxBytes = 256 * 1024 * 1024;

  /** How long the broker remembers where an idle room's numbering stands, in milliseconds. @default 86400000 */
  @IsInt()
  @Min(0)
  positionTtlMs = 24 * 3600 * 1000;

  /** Idle rooms whose numbering the broker remembers; beyond, the longest idle go. @default 100000 */
  @IsInt()
  @Min(0)
  maxIdleRooms = 100_000;

  /** How long a publish with an `id` is idempotent, in milliseconds. `0` switches it off. @default 300000 */
  @IsInt()
  @Min(0)
  deduplicationWindowMs = 300_000;

  /** Ids remembered over all rooms; beyond, the oldest go. @default 1000000 */
  @IsInt()
  @Min(0)
  deduplicationMaxIds = 1_000_000;

  /** How long a user may be gone from a room before `presence:left` says so, in milliseconds. @default 2000 */
  @IsInt()
  @Min(0)
  presenceGraceMs = 2000;

  /** Comings and goings of a room are collected this long, in milliseconds. @default 100 */
  @IsInt()
  @Min(1)
  presenceIntervalMs = 100;

  /** Beyond so many in one such time, members get one `presence:changed` in their place. @default 100 */
  @IsInt()
  @Min(1)
  presenceMaxEvents = 100;

  /** Acknowledged positions remembered over all rooms and users; beyond, the oldest go. @default 1000000 */
  @IsInt()
  @Min(0)
  maxReceipts = 1_000_000;

  /** Members that one `presence` reply lists at most; its `size` counts them all. @default 1000 */
  @IsInt()
  @Min(1)
  presenceMaxMembers = 1000;

  /** Time for a clean shutdown, in milliseconds; what is left then is cut. @default 10000 */
  @IsInt()
  @Min(0)
  drainTimeoutMs = 10_000;

  /** Negotiate permessage-deflate with clients that offer it. @default false */
  @IsBoolean()
  compression = false;

  /** Texts shorter than this are sent as they are, in characters. @default 1024 */
  @IsInt()
  @Min(0)
  compressionThreshold = 1024;

  /** Collects what goes out for this long, in milliseconds; `0` for one turn of the event loop. @default 0 */
  @IsInt()
  @Min(0)
  @Max(10_000)
  flushIntervalMs = 0;

  /** Event-loop delay (99th percentile, milliseconds) above which the node is not ready. @default 1000 */
  @IsInt()
  @Min(0)
  maxEventLoopDelayMs = 1000;

  /** Resident memory above which the node is not ready, in bytes. @default 0 */
  @IsInt()
  @Min(0)
  maxMemoryBytes = 0;

  /** `GET /docs`. @default true, in production false */
  @IsOptional()
  @IsBoolean()
  docs?: boolean;

  /** Bearer token for `GET /metrics`. Without it metrics are open in development and closed in production. */
  @IsOptional()
  @IsString()
  @MinLength(16)
  metricsToken?: string;

  /** Serve `GET /metrics` to everybody who can reach the port. @default true, in production false */
  @IsOptional()
  @IsBoolean()
  metricsPublic?: boolean;

  /** @default 'info' */
  @IsIn(LOG_LEVELS)
  logLevel: LogLevel = 'info';
}

/** What the application passes: any of the options. */
export type RookeryOptionsInput = Partial<RookeryOptions>;
