import type { Socket } from 'node:net';

import type { RefusalCode } from '../protocol/refusals.js';

/**
 * Upgrades to paths that are not Rookery's, on a server with other listeners. One of them may serve the path, at once
 * or later, and nothing tells which: Node itself gives such a socket no time limit. So each has a bounded time to be
 * claimed, which is to be written to or read from, and gets a refusal otherwise.
 */
export class UnclaimedUpgrades {
  private readonly waiting = new Map<Socket, NodeJS.Timeout>();

  /** @param refuse answers a socket that nobody has claimed */
  constructor(
    private readonly timeoutMs: number,
    private readonly refuse: (code: RefusalCode, socket: Socket) => void,
  ) {}

  /** Begins the time of a socket. */
  watch(socket: Socket): void {
    // A reset must not end the process while nobody else listens.
    socket.on('error', ignore);
    this.waiting.set(
      socket,
      setTimeout(() => this.settle(socket, 'NOT_FOUND'), this.timeoutMs),
    );
    socket.once('close', () => this.forget(socket));
  }

  /** Ends the wait: what nobody has claimed by now is refused. */
  close(): void {
    for (const socket of this.waiting.keys()) this.settle(socket, 'DRAINING');
  }

  private settle(socket: Socket, code: RefusalCode): void {
    this.forget(socket);
    if (!isClaimed(socket)) this.refuse(code, socket);
  }

  private forget(socket: Socket): void {
    clearTimeout(this.waiting.get(socket));
    this.waiting.delete(socket);
  }
}

function isClaimed(socket: Socket): boolean {
  const isRead = socket.listenerCount('data') + socket.listenerCount('readable') > 0;
  return isRead || socket.bytesWritten > 0 || socket.writableEnded || socket.destroyed;
}

function ignore(): void {
  // The socket closes itself.
}
