import { Allow, IsInt, IsOptional, IsString, Max, Min } from 'class-validator';

import { AccessOptions } from './access.options.js';
import type { RoomRule } from './room-rule.js';

/** How rooms behave, and how much a client may ask of the server. */
export class LimitOptions extends AccessOptions {
  /** File with the rules of rooms by pattern (JSON); see {@link RoomRule}. */
  @IsOptional()
  @IsString()
  roomsFile?: string;

  /** Rules of rooms by pattern, the first that fits applies; in place of `roomsFile`. @default [] */
  @Allow()
  rooms: readonly RoomRule[] = [];

  /** Largest message from a client, in bytes; larger ones end the connection with 1009. @default 524288 */
  @IsInt()
  @Min(0)
  maxMessageBytes = 512 * 1024;

  /**
   * Bytes of a request's line and headers, with token and cookies; larger ones get 431. In an application, a limit that
   * its HTTP server was given comes first. @default 32768
   */
  @IsInt()
  @Min(1024)
  @Max(1_048_576)
  maxHeaderBytes = 32 * 1024;

  /** Rooms that one connection may be in, its own and everybody's not counted. @default 128 */
  @IsInt()
  @Min(0)
  maxRoomsPerConnection = 128;

  /** Limit on the connections of this process. @default 20000, less if memory is short */
  @IsInt()
  @Min(0)
  maxConnections = 20_000;

  /** Connections from one address to this node. @default 1000 */
  @IsInt()
  @Min(0)
  maxConnectionsPerAddress = 1000;

  /** Leading bits of IPv6 addresses that count as one address; 128 counts each by itself. @default 64 */
  @IsInt()
  @Min(1)
  @Max(128)
  addressPrefixLength = 64;

  /** Connections of one user, over all nodes. @default 100 */
  @IsInt()
  @Min(0)
  maxConnectionsPerUser = 100;

  /** Upgrades whose token is being verified at one time; further ones get 503. @default 1000 */
  @IsInt()
  @Min(0)
  maxPendingUpgrades = 1000;

  /**
   * How long an upgrade may wait for its token to be verified, in milliseconds; at a path that is not Rookery's, for a
   * listener of the application to answer it. @default 10000
   */
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
}
