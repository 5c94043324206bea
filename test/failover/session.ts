import { WebSocket } from 'ws';

import type { Place } from './failover-node.js';

/** Silence, or time without an answer, after which a client goes to another node. */
export const GIVE_UP_MS = 1500;
const LOOK_MS = 250;

export interface Frame {
  readonly type: string;
  readonly payload?: unknown;
  readonly requestId?: string;
}

export interface Listener {
  onFrame(frame: Frame): void;
  /** Whether an answer is overdue, at this time of `performance.now()`. */
  isOverdue(now: number): boolean;
}

/** One connection of a client, which ends as soon as the node falls silent. */
export class Session {
  /** Resolves with the reason when it is over. */
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

  /** Returns false where it is not open. */
  send(type: string, payload?: unknown, requestId?: string): boolean {
    if (this.socket.readyState !== WebSocket.OPEN) return false;
    this.socket.send(JSON.stringify({ type, payload, requestId }));
    return true;
  }

  /** Ends without a word. */
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
