import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';

import { cleanUp } from '../../../test/support/teardown.js';

export type Direction = 'up' | 'down';

/** What happens to one connection when so many bytes went in one direction. */
export interface Fault {
  readonly direction: Direction;
  readonly after: number;
  /** `cut`: both ends are reset; `stall`: nothing goes either way any more, and nobody is told. */
  readonly kind: 'cut' | 'stall';
}

/** An address in front of a server, where the wire breaks at the very byte that a test names. */
export class FaultyProxy {
  /** Bytes that went through, over all connections. */
  readonly bytes = { up: 0, down: 0 };
  /** How many connections there were. */
  connections = 0;
  /** How many there are. */
  readonly sockets = new Set<Socket>();
  /** Refuses whoever comes, by cutting at once. */
  closed = false;
  /** Delay of each piece, in milliseconds, and the most bytes in one. */
  slowness: (() => { readonly delayMs: number; readonly bytes: number }) | undefined;
  private readonly faults: Fault[] = [];

  private constructor(
    private readonly server: Server,
    private readonly target: number,
  ) {}

  static async start(target: number): Promise<FaultyProxy> {
    const server = createServer();
    const proxy = new FaultyProxy(server, target);
    server.on('connection', (socket) => proxy.join(socket));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    cleanUp(() => proxy.stop());
    return proxy;
  }

  get ws(): string {
    return `ws://127.0.0.1:${(this.server.address() as AddressInfo).port}/ws`;
  }

  /** Has faults happen to the next connections, one to each. */
  expect(...faults: readonly Fault[]): void {
    this.faults.push(...faults);
  }

  cut(): void {
    for (const socket of this.sockets) socket.resetAndDestroy();
  }

  /** From now on nothing gets through the connections that there are. */
  stall(): void {
    for (const socket of this.sockets) socket.emit('stall');
  }

  private stop(): void {
    this.cut();
    this.server.close();
  }

  private join(client: Socket): void {
    this.connections += 1;
    if (this.closed) {
      client.on('error', () => undefined);
      client.resetAndDestroy();
      return;
    }
    const upstream = connect(this.target, '127.0.0.1');
    const fault = this.faults.shift();
    const ends = [client, upstream] as const;
    let stalled = false;
    const stall = (): void => {
      stalled = true;
    };
    for (const [index, socket] of ends.entries()) {
      this.sockets.add(socket);
      socket.setNoDelay(true);
      socket.on('stall', stall);
      socket.on('error', () => undefined);
      socket.on('close', () => {
        this.sockets.delete(socket);
        ends[1 - index]?.destroy();
      });
    }
    const strike = (kind: Fault['kind']): void => {
      if (kind === 'stall') stall();
      else for (const socket of ends) socket.resetAndDestroy();
    };
    if (fault?.after === 0) strike(fault.kind);
    for (const [from, to, direction] of [
      [client, upstream, 'up'],
      [upstream, client, 'down'],
    ] as const) {
      let passed = 0;
      void this.forward(from, to, (piece) => {
        if (stalled) return undefined;
        const room = fault?.direction === direction ? fault.after - passed : Infinity;
        const part = piece.subarray(0, room);
        passed += part.length;
        this.bytes[direction] += part.length;
        // What goes before the fault gets there.
        const struck = part.length === room;
        return struck ? [part, () => strike(fault?.kind ?? 'cut')] : [part, undefined];
      });
    }
  }

  private async forward(
    from: Socket,
    to: Socket,
    pass: (piece: Buffer) => [part: Buffer, then: (() => void) | undefined] | undefined,
  ): Promise<void> {
    try {
      for await (const chunk of from) {
        for (let rest = chunk as Buffer; rest.length > 0;) {
          const { delayMs, bytes } = this.slowness?.() ?? { delayMs: 0, bytes: Infinity };
          if (delayMs > 0) await new Promise((resolve) => setTimeout(resolve, delayMs));
          const [part, then] = pass(rest.subarray(0, bytes)) ?? [];
          rest = rest.subarray(bytes);
          if (part === undefined || to.destroyed) continue;
          await new Promise<void>((resolve) => to.write(part, () => resolve()));
          then?.();
        }
      }
    } catch {
      // The connection is cut; the other end is, too.
    }
    // Half a connection is none.
    if (from.readableEnded) to.end();
  }
}
