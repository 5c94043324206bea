import { Injectable } from '@nestjs/common';

import type { MaybePromise } from '../broker/broker.js';
import { CLOSE_CODES } from '../protocol/close-codes.js';
import type { Connection } from './connection.js';

type OpenedHook = (connection: Connection) => MaybePromise<void>;
type ClosedHook = (connection: Connection) => void;

/** The connections of this node. */
@Injectable()
export class ConnectionsService {
  private readonly byId = new Map<string, Connection>();
  private readonly openedHooks: OpenedHook[] = [];
  private readonly closedHooks: ClosedHook[] = [];

  /** How many connections this node has. */
  count(): number {
    return this.byId.size;
  }

  /** The connection with this id (its `clientId` on the wire), if this node has it. */
  find(id: string): Connection | undefined {
    return this.byId.get(id);
  }

  /** The user's connections on this node. Looks at each connection: for operators and events, not for every message. */
  ofUser(userId: string): Connection[] {
    return [...this.byId.values()].filter((connection) => connection.userId === userId);
  }

  /** All connections of this node, the longest open first. */
  all(): IterableIterator<Connection> {
    return this.byId.values();
  }

  /**
   * Closes a connection.
   *
   * @param code @default 4403, "do not come back as you are"
   * @returns false where this node has no such connection
   */
  disconnect(id: string, code: number = CLOSE_CODES.KICKED, reason = 'disconnected by an administrator'): boolean {
    const connection = this.byId.get(id);
    connection?.close(code, reason);
    return connection !== undefined;
  }

  /**
   * Closes all connections of a user on this node.
   *
   * @returns how many there were
   */
  disconnectUser(
    userId: string,
    code: number = CLOSE_CODES.KICKED,
    reason = 'disconnected by an administrator',
  ): number {
    const connections = this.ofUser(userId);
    for (const connection of connections) connection.close(code, reason);
    return connections.length;
  }

  /** @internal Runs before the connection's first message is handled; floors above use it. */
  onOpened(hook: OpenedHook): void {
    this.openedHooks.push(hook);
  }

  /** @internal */
  onClosed(hook: ClosedHook): void {
    this.closedHooks.push(hook);
  }

  /** @internal */
  opened(connection: Connection): MaybePromise<void> {
    this.byId.set(connection.id, connection);
    return this.runOpenedHooks(connection, 0);
  }

  /** One after the other. Those that are done at once keep the greeting within the turn of the upgrade. */
  private runOpenedHooks(connection: Connection, from: number): MaybePromise<void> {
    for (let index = from; index < this.openedHooks.length; index += 1) {
      const done = this.openedHooks[index]?.(connection);
      if (done instanceof Promise) return done.then(() => this.runOpenedHooks(connection, index + 1));
    }
    return undefined;
  }

  /** @internal */
  closed(connection: Connection): void {
    this.byId.delete(connection.id);
    for (const hook of this.closedHooks) hook(connection);
  }
}
