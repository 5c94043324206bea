import { IsArray, IsBoolean, IsInt, IsOptional, IsString, IsUrl, Matches, Min, MinLength } from 'class-validator';
import { availableParallelism } from 'node:os';

import { LimitOptions } from './limit.options.js';

/** How many nodes are one server. */
export class NodeOptions extends LimitOptions {
  /**
   * Redis that makes any number of nodes into one server: `redis://` or `rediss://`, with user, password and the number
   * of a database as needed. Without it the node is on its own, and keeps everything in its memory.
   */
  @IsOptional()
  @IsUrl({ protocols: ['redis', 'rediss'], require_tld: false, require_protocol: true })
  redisUrl?: string;

  /** Sentinels as `host:port`, separated by commas; they name the server in place of the address in `redisUrl`. @default [] */
  @IsArray()
  @IsString({ each: true })
  redisSentinels: readonly string[] = [];

  /** The name that the sentinels know the server by. */
  @IsOptional()
  @IsString()
  @MinLength(1)
  redisSentinelName?: string;

  /** `redisUrl` is one server of a Redis Cluster, whose others it names. @default false */
  @IsBoolean()
  redisCluster = false;

  /** File with the certificates of the authorities that sign that of Redis, for `rediss://`; without it, Node's own list. */
  @IsOptional()
  @IsString()
  @MinLength(1)
  redisCaFile?: string;

  /** File with this node's certificate, for a Redis that asks for one; needs `redisKeyFile`. */
  @IsOptional()
  @IsString()
  @MinLength(1)
  redisCertFile?: string;

  /** File with the private key of `redisCertFile`. */
  @IsOptional()
  @IsString()
  @MinLength(1)
  redisKeyFile?: string;

  /** First part of every key and channel: keeps deployments on one Redis apart. @default 'rookery' */
  @Matches(/^[^{}\s]+$/, { message: 'redisPrefix must be free of braces and spaces' })
  redisPrefix = 'rookery';

  /** How long Redis may take to answer before it counts as away, in milliseconds. @default 2000 */
  @IsInt()
  @Min(50)
  redisTimeoutMs = 2000;

  /**
   * Interval at which a node compares rooms that were published to lately with Redis, to find lost deliveries, in
   * milliseconds. Other rooms are compared within 15 intervals. @default 2000
   */
  @IsInt()
  @Min(50)
  redisCheckIntervalMs = 2000;

  /** Processes of the stand-alone server on its one port: a number, or `auto` for one per core. @default '1' */
  @Matches(/^(auto|[1-9]\d{0,2})$/, { message: 'workers must be a number from 1, or auto' })
  workers = '1';
}

/** Returns the number of processes that serve the port. */
export function numberOfWorkers({ workers }: NodeOptions): number {
  return workers === 'auto' ? availableParallelism() : Number(workers);
}
