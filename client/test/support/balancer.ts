import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';

import { cleanUp } from '../../../test/support/teardown.js';

/**
 * One address before any number of nodes, as a load balancer is: each connection goes to the next node that is alive.
 * It can also cut what goes through it, or let nothing through and tell nobody.
 */
export class Balancer {
  private readonly sockets = new Set<Socket>();
  private held = false;
  private turn = 0;
  /** Connections taken so far. */
  accepted = 0;

  private constructor(
    private readonly server: Server,
    private readonly alive: () => readonly number[],
  ) {}

  /** @param alive the ports of the nodes that are alive */
  static async start(alive: () => readonly number[]): Promise<Balancer> {
    // What one side ends is ended on the other side by the pipes.
    const server = createServer({ allowHalfOpen: true });
    const balancer = new Balancer(server, alive);
    server.on('connection', (socket) => balancer.join(socket));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    cleanUp(() => {
      balancer.cut();
      server.close();
    });
    return balancer;
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  get http(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  get ws(): string {
    return `ws://127.0.0.1:${this.port}/ws`;
  }

  /** Ends every connection without a close frame. */
  cut(): void {
    for (const socket of this.sockets) socket.destroy();
  }

  /** Lets nothing through any more, in neither direction, and ends nothing: as a network does that went away. */
  hold(): void {
    this.held = true;
    for (const socket of this.sockets) socket.unpipe().pause();
  }

  /** Lets new connections through. Those from before are dead, as after a sleep of hours. */
  release(): void {
    this.held = false;
  }

  private join(socket: Socket): void {
    this.accepted += 1;
    const ports = this.alive();
    const port = ports[(this.turn += 1) % Math.max(1, ports.length)];
    if (port === undefined || this.held) {
      this.follow(socket);
      if (!this.held) socket.destroy();
      return;
    }
    const upstream = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
    this.follow(socket, upstream);
    this.follow(upstream, socket);
    socket.pipe(upstream);
    upstream.pipe(socket);
  }

  private follow(socket: Socket, other?: Socket): void {
    this.sockets.add(socket);
    socket.on('error', () => undefined);
    socket.on('close', () => {
      this.sockets.delete(socket);
      if (!this.held) other?.destroy();
    });
  }
}
