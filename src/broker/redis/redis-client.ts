import { readFileSync } from 'node:fs';
import type { ConnectionOptions } from 'node:tls';

import { Cluster, Redis, type RedisOptions } from 'ioredis';

import type { RookeryOptions } from '../../config/rookery.options.js';
import { NodeConnections } from './node-connections.js';
import { primaryConnector } from './primary-connector.js';
import { SCRIPTS } from './scripts/scripts.js';

const DEFAULT_PORT = 6379;
const DEFAULT_SENTINEL_PORT = 26_379;
const FIRST_RETRY_MS = 50;
/** Short, because rooms wait for all nodes to reconnect after a failover. */
const MAX_RETRY_MS = 500;
/** How often the client of a cluster looks where the slots are, whether or not somebody tells it that one has moved. */
const SLOTS_REFRESH_MS = 500;

/** How long to wait before the next attempt to connect: longer each time, and another time for each node. */
export function retryDelayMs(attempt: number, random: number = Math.random()): number {
  const full = Math.min(MAX_RETRY_MS, FIRST_RETRY_MS * 2 ** Math.min(attempt, 10));
  return Math.round(full / 2 + (full / 2) * random);
}

/** One server, the one that sentinels name, or a cluster of them. */
export type RedisClient = Redis | Cluster;

/**
 * A connection to Redis that fails early. Nothing waits for it to come back: whoever asks meanwhile is refused at once,
 * and repeats. Nothing is sent again by itself: an operation may have taken effect before the connection was lost, and
 * what an id does not protect must not happen twice.
 */
export function createRedisClient(options: RookeryOptions, name: string): RedisClient {
  const client = options.redisCluster ? createCluster(options, name) : createSingle(options, name);
  for (const [script, lua] of Object.entries(SCRIPTS)) client.defineCommand(script, { lua });
  return client;
}

/** Clients that were closed on purpose. */
const closed = new WeakSet<RedisClient>();
const connectionsOf = new WeakMap<Redis, NodeConnections>();

/** Closes a client permanently. */
export function closeRedisClient(client: RedisClient): void {
  closed.add(client);
  if (client instanceof Redis) connectionsOf.get(client)?.remove(client);
  client.disconnect();
}

/** Reconnects a client that is connected, or waits for a greeting. Nothing that the old server still sends is read. */
export function cutRedisClient(client: RedisClient): void {
  streamOf(client)?.destroy();
}

/** Limit on how often a client connects to a server that refuses what it needs. */
const REFUSED_RETRY_MS = 500;

/** Ends the present connection of a client soon, so that it begins from the start; one that has begun already stays. */
export function retryRedisClient(client: RedisClient): void {
  if (client instanceof Redis) {
    const stream = streamOf(client);
    setTimeout(() => stream?.destroy(), REFUSED_RETRY_MS).unref();
  } else {
    client.disconnect(true);
  }
}

/** Returns the TCP connection of a client, whether or not its server has answered yet; undefined for a cluster. */
export function streamOf(client: RedisClient): Redis['stream'] | undefined {
  if (!(client instanceof Redis) || !(client.status === 'ready' || client.status === 'connect')) return undefined;
  return client.stream.destroyed ? undefined : client.stream;
}

/** Reconnects a client that gave up: ioredis does if it is disconnected while it asks for the master. */
function keepTrying(client: Redis): void {
  client.on('end', () => {
    if (closed.has(client)) return;
    const connect = (): void => {
      if (!closed.has(client) && client.status === 'end') client.connect().catch(() => undefined);
    };
    setTimeout(connect, retryDelayMs(0)).unref();
  });
}

function settingsOf({ redisTimeoutMs }: RookeryOptions, name: string) {
  return {
    connectionName: `rookery-${name}`,
    // Redis before 7.2 does not know it, and no right to it should be needed.
    disableClientInfo: true,
    connectTimeout: redisTimeoutMs,
    // A server that takes commands and never answers counts as gone; this also bounds the greeting.
    socketTimeout: redisTimeoutMs,
    // How long a connection that is given up may take to end; a server that hangs never ends it.
    disconnectTimeout: 200,
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
  };
}

function isReadOnly(error: Error): boolean {
  return error.message.startsWith('READONLY');
}

/** Returns the settings for TLS, where the address asks for it. */
function tlsOf({ redisUrl = '', redisCaFile, redisCertFile, redisKeyFile }: RookeryOptions): {
  tls?: ConnectionOptions;
} {
  if (!redisUrl.startsWith('rediss:')) return {};
  const files = { ca: redisCaFile, cert: redisCertFile, key: redisKeyFile };
  const read = Object.entries(files).flatMap(([name, file]) =>
    file === undefined ? [] : [[name, readFileSync(file)]],
  );
  return { tls: Object.fromEntries(read) as ConnectionOptions };
}

function createSingle(options: RookeryOptions, name: string): Redis {
  const connections = NodeConnections.of(options);
  const hasSentinels = options.redisSentinels.length > 0;
  const Connector = primaryConnector((info) => connections.greet(client, info));
  const client: Redis = new Redis(options.redisUrl ?? '', {
    ...settingsOf(options, name),
    ...tlsOf(options),
    // With sentinels, the client's own connector does the same.
    ...(hasSentinels ? sentinelOf(options) : { Connector }),
    reconnectOnError: (error) => {
      if (isReadOnly(error)) connections.renew('the server is a replica');
      return false;
    },
    lazyConnect: true,
    enableOfflineQueue: false,
    // The subscriber does this itself, in few commands, and looks at what it missed.
    autoResubscribe: false,
    retryStrategy: (attempt: number) => retryDelayMs(attempt),
  });
  connections.add(client);
  connectionsOf.set(client, connections);
  keepTrying(client);
  return client;
}

/** Its client follows slots as they move, which takes sending again what came to the wrong server. */
function createCluster(options: RookeryOptions, name: string): Cluster {
  const { hostname, port, username, password } = new URL(options.redisUrl ?? '');
  return new Cluster([{ host: hostname, port: Number(port || DEFAULT_PORT) }], {
    lazyConnect: true,
    enableOfflineQueue: false,
    shardedSubscribers: true,
    slotsRefreshTimeout: options.redisTimeoutMs,
    // Who only listens is told once when a slot has moved, and may then ask a server that does not know it yet.
    slotsRefreshInterval: SLOTS_REFRESH_MS,
    clusterRetryStrategy: (attempt) => retryDelayMs(attempt),
    redisOptions: {
      ...settingsOf(options, name),
      ...(username === '' ? {} : { username: decodeURIComponent(username) }),
      ...(password === '' ? {} : { password: decodeURIComponent(password) }),
      ...tlsOf(options),
      // The server has become a replica: its slots have another master by now, or soon.
      reconnectOnError: isReadOnly,
    },
  });
}

/**
 * With sentinels, the address of `redisUrl` gives way to the one that they name; its credentials and database stay.
 * That the master changes is followed by `sentinel-watch.ts`.
 */
function sentinelOf(options: RookeryOptions): Pick<RedisOptions, 'sentinels' | 'name' | 'sentinelCommandTimeout'> {
  const { redisSentinels, redisSentinelName, redisTimeoutMs } = options;
  if (redisSentinels.length === 0 || redisSentinelName === undefined) return {};
  return { sentinels: sentinelsOf(options), name: redisSentinelName, sentinelCommandTimeout: redisTimeoutMs };
}

export function sentinelsOf({ redisSentinels }: RookeryOptions): { readonly host: string; readonly port: number }[] {
  return redisSentinels.map((address) => {
    const { hostname, port } = new URL(`redis://${address}`);
    return { host: hostname, port: Number(port || DEFAULT_SENTINEL_PORT) };
  });
}
