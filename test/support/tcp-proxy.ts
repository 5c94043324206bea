import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';

import { cleanUp } from './teardown.js';

/** Both ends of a connection. */
type Link = readonly [Socket, Socket];

/** An address that leads to one server now and to another later, as a name does after a failover. */
export class TcpProxy {
  private readonly links = new Set<Link>();
  private frozen = false;

  private constructor(
    private readonly server: Server,
    private target: number,
  ) {}

  static async start(target: number): Promise<TcpProxy> {
    const server = createServer();
    const proxy = new TcpProxy(server, target);
    server.on('connection', (socket) => proxy.join(socket));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    cleanUp(() => {
      proxy.cut();
      server.close();
    });
    return proxy;
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  /** Leads to another port from now on, and cuts what leads to the one before. */
  leadTo(target: number): void {
    this.target = target;
    this.cut();
  }

  /** Leads new connections to another port from now on, and leaves those that are there, as a DNS name does. */
  leadNewTo(target: number): void {
    this.target = target;
  }

  /** Passes nothing on any more and says so to nobody, as a network that has lost its way. */
  freeze(): void {
    this.frozen = true;
    for (const [one, other] of this.links) {
      one.unpipe(other);
      other.unpipe(one);
    }
  }

  /** Passes on again, first of all what came meanwhile. */
  thaw(): void {
    this.frozen = false;
    for (const link of this.links) pass(link);
  }

  cut(): void {
    for (const [one] of this.links) one.destroy();
  }

  private join(socket: Socket): void {
    const upstream = connect(this.target, '127.0.0.1');
    const link = [socket, upstream] as const;
    this.links.add(link);
    for (const end of link) {
      end.on('error', () => undefined);
      end.on('close', () => {
        this.links.delete(link);
        for (const each of link) each.destroy();
      });
    }
    if (!this.frozen) pass(link);
  }
}

function pass([one, other]: Link): void {
  one.pipe(other);
  other.pipe(one);
}
