import { WebSocket } from 'ws';

import type { Place } from './failover-node.js';

/** Time without a message or an answer after which a client changes to another node. */
export const GIVE_UP_MS = 1500;
const LOOK_MS = 250;

export interface Frame {
  readonly type: string;
  readonly payload?: unknown;
  readonly requestId?: string;
}

export interface Listener {
  onFrame(frame: Frame): void;
  /** Returns whether an answer is overdue at a time of `performance.now()`. */
  isOverdue(now: number): boolean;
}

/** A connection of a client. It ends when the node is silent for too long. */
export class Session {
  /** Resolves with the reason when the connection ends. */
  readonly over: Promise<string>;
  private readonly socket: WebSocket;
  private heardAt = performance.now();
  private end: (why: string) => void = () => undefined;
  private isOver = false;

  constructor(
    readonly place: Place,
    token: string,
    private readonly listener: Listener,
  ) {
    this.over = new Promise((resolve) => {
      this.end = resolve;
    });
    this.socket = new WebSocket(`ws://${place.address}/ws`, 'rookery.v1.json', {
      headers: { authorization: `Bearer ${token}` },
      perMessageDeflate: false,
    });
    this.socket.on('message', (data: Buffer) => {
      // A frame that is still in memory when the client leaves has not been received.
      if (this.isOver) return;
      this.heardAt = performance.now();
      this.listener.onFrame(JSON.parse(data.toString()) as Frame);
    });
    this.socket.on('error', () => undefined);
    const looking = setInterval(() => this.look(), LOOK_MS);
    this.socket.once('close', (code) => {
      clearInterval(looking);
      this.leave(`closed with ${code}`);
    });
  }

  /** Returns false if the connection is not open. */
  send(type: string, payload?: unknown, requestId?: string): boolean {
    if (this.socket.readyState !== WebSocket.OPEN) return false;
    this.socket.send(JSON.stringify({ type, payload, requestId }));
    return true;
  }

  /** Ends the connection without a close frame. */
  leave(why: string): void {
    this.isOver = true;
    this.end(why);
    this.socket.terminate();
  }

  private look(): void {
    const now = performance.now();
    if (now - this.heardAt > GIVE_UP_MS) this.leave('silence');
    else if (this.listener.isOverdue(now)) this.leave('no answer');
    else this.send('ping');
  }
}
