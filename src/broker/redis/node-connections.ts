import { Logger } from '@nestjs/common';
import type { Redis } from 'ioredis';

import type { RookeryOptions } from '../../config/rookery.options.js';
import type { ServerInfo } from './primary-connector.js';

/** Nodes by their settings: the parts of a node that use Redis share nothing else. */
const nodes = new WeakMap<RookeryOptions, NodeConnections>();

/**
 * All connections of one node to its Redis, apart from those to a Redis Cluster. They lead to one server, and leave it
 * together. A primary can become a replica and keep its connections open: a command that writes is then rejected, but a
 * connection that only subscribes or reads gets no error, and would stay.
 */
export class NodeConnections {
  private readonly logger = new Logger(NodeConnections.name);
  private readonly clients = new Set<Redis>();
  /** Process ids of servers, as `INFO` says them; servers behind one address have the same port. */
  private readonly servers = new Map<Redis, string>();
  private timer: NodeJS.Timeout | undefined;

  private constructor(private readonly intervalMs: number) {}

  /** Returns the connections of the node with these settings. */
  static of(options: RookeryOptions): NodeConnections {
    let connections = nodes.get(options);
    if (connections === undefined) {
      connections = new NodeConnections(options.redisCheckIntervalMs);
      nodes.set(options, connections);
    }
    return connections;
  }

  add(client: Redis): void {
    this.clients.add(client);
    this.timer ??= setInterval(() => this.checkRoles(), this.intervalMs).unref();
  }

  remove(client: Redis): void {
    this.clients.delete(client);
    this.servers.delete(client);
    if (this.clients.size > 0) return;
    clearInterval(this.timer);
    this.timer = undefined;
  }

  /** Records which server a client has connected to. */
  greet(client: Redis, { run_id: server }: ServerInfo): void {
    if (server === undefined) this.servers.delete(client);
    else this.servers.set(client, server);
  }

  /** Returns false if two connections lead to different servers, as may happen during a failover. */
  areOnOneServer(): boolean {
    const connected = this.connected();
    const isNamed = connected.every((client) => this.servers.has(client));
    return new Set(connected.map((client) => (isNamed ? this.servers.get(client) : addressOf(client)))).size <= 1;
  }

  /** Closes all connections. Nothing that the old server still sends is read, and each client connects again. */
  renew(reason: string): void {
    const connected = this.connected();
    if (connected.length > 0) this.logger.warn(`Redis: ${reason}; all connections are renewed`);
    for (const client of connected) client.stream.destroy();
  }

  private checkRoles(): void {
    for (const client of this.connected()) {
      // Where it fails, the connection is lost or the user lacks a right; both show elsewhere.
      client.info('replication').then(
        (info) => {
          if (/^role:slave\r?$/m.test(info) && this.clients.has(client)) this.renew('the primary has become a replica');
        },
        () => undefined,
      );
    }
  }

  private connected(): Redis[] {
    return [...this.clients].filter(({ status, stream }) => status === 'ready' && !stream.destroyed);
  }
}

function addressOf({ stream: { remoteAddress = '', remotePort = 0 } }: Redis): string {
  return `${remoteAddress} ${remotePort}`;
}
