import { IsBoolean, IsIn, IsInt, IsOptional, IsString, Max, Min, MinLength } from 'class-validator';

import { NodeOptions } from './node.options.js';

export const LOG_LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/**
 * Everything that can be set. The environment's name of an option is its name in capitals: `maxMessageBytes` is
 * `MAX_MESSAGE_BYTES`. Where a number is a bound, `0` means no bound.
 */
export class RookeryOptions extends NodeOptions {
  /** Messages kept per room. `0` keeps none. @default 1000 */
  @IsInt()
  @Min(0)
  historySize = 1000;

  /** How long a message is kept, in milliseconds; an empty room's too. @default 300000 */
  @IsInt()
  @Min(0)
  historyTtlMs = 300_000;

  /**
   * Limit on the bytes of history over all rooms. When it is reached, the oldest messages are dropped.
   *
   * @default 268435456, less if memory is short
   */
  @IsInt()
  @Min(0)
  historyMaxBytes = 256 * 1024 * 1024;

  /** How long the broker remembers where an idle room's numbering stands, in milliseconds. @default 86400000 */
  @IsInt()
  @Min(0)
  positionTtlMs = 24 * 3600 * 1000;

  /**
   * Limit on idle rooms whose numbering the broker remembers. When it is reached, those that are idle for the longest
   * time are dropped.
   *
   * @default 100000, less if memory is short
   */
  @IsInt()
  @Min(0)
  maxIdleRooms = 100_000;

  /** How long a publish with an `id` is idempotent, in milliseconds. `0` switches it off. @default 300000 */
  @IsInt()
  @Min(0)
  deduplicationWindowMs = 300_000;

  /**
   * Limit on remembered ids over all rooms. When it is reached, the oldest are dropped.
   *
   * @default 1000000, less if memory is short
   */
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

  /**
   * Limit on acknowledged positions over all rooms and users. When it is reached, the oldest are dropped.
   *
   * @default 1000000, less if memory is short
   */
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

  /** Collects what goes out, the answer to an upgrade too, for this long, in milliseconds; `0` for one turn of the event loop. @default 0 */
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

  /** `GET /chat/`: the example of the client library. @default true, in production false */
  @IsOptional()
  @IsBoolean()
  exampleChat?: boolean;

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
