import { connect as connectTcp } from 'node:net';
import { connect as connectTls, type ConnectionOptions } from 'node:tls';

import { AbstractConnector } from 'ioredis';

/** What a server says of itself in `INFO` when a client connects; nothing if the user may not ask. */
export interface ServerInfo {
  readonly role?: string;
  /** Names the process of the server. */
  readonly run_id?: string;
}

/** The settings of a client that lead to its server. */
interface Address {
  readonly host?: string;
  readonly port?: number;
  readonly disconnectTimeout: number;
  readonly tls?: ConnectionOptions | boolean;
}

type Connection = Awaited<ReturnType<AbstractConnector['connect']>>;

/**
 * Returns a connector that accepts only a primary. After a failover a DNS name may lead to the old primary for a while:
 * the client then tries again, with the usual delay, until the name leads to the new one.
 *
 * @param onGreeting receives what a server says of itself, before the client uses the connection
 */
export function primaryConnector(onGreeting: (info: ServerInfo) => void): new (options: unknown) => AbstractConnector {
  return class PrimaryConnector extends AbstractConnector {
    private readonly address: Address;
    private emit: ((type: string, error: Error) => void) | undefined;

    constructor(options: unknown) {
      const address = options as Address;
      super(address.disconnectTimeout);
      this.address = address;
    }

    override async connect(emit: (type: string, error: Error) => void): Promise<Connection> {
      const { host, port, tls } = this.address;
      this.emit = emit;
      this.connecting = true;
      // As the client's own connector does: it may be closed before it connects.
      await Promise.resolve();
      if (!this.connecting) throw new Error('Connection is closed.');
      const to = { ...(host === undefined ? {} : { host }), port: Number(port) };
      const stream = tls === undefined || tls === false ? connectTcp(to) : connectTls({ ...to, ...optionsOf(tls) });
      stream.once('error', (error) => (this.firstError = error));
      this.stream = stream;
      return stream;
    }

    override check(info: ServerInfo): boolean {
      if (info.role === 'slave') {
        this.emit?.('error', new Error('the server is a replica'));
        return false;
      }
      onGreeting(info);
      return true;
    }
  };
}

function optionsOf(tls: ConnectionOptions | true): ConnectionOptions {
  return tls === true ? {} : tls;
}
