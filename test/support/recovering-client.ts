import { setTimeout as delay } from 'node:timers/promises';

import { WebSocket } from 'ws';

import type { AckPayload, GapPayload, JoinedPayload, RoomMessagePayload } from '../../src/protocol/messages.js';
import type { Accepted } from '../chaos/room-check.js';
import { RoomLog } from '../chaos/room-log.js';
import { tokenFor } from './server.js';
import { cleanUp } from './teardown.js';

const RETRY_MS = 20;

interface Frame {
  readonly type: string;
  readonly payload?: { readonly room?: string };
  readonly requestId?: string;
}

/** What a client that never gives up does: connects to whichever node there is, and goes on from where it stood. */
abstract class RecoveringClient {
  private socket: WebSocket | undefined;
  stopped = false;

  /** @param address picks a node */
  constructor(
    readonly userId: string,
    private readonly address: () => string,
  ) {
    cleanUp(() => this.stop());
    void this.run();
  }

  stop(): void {
    this.stopped = true;
    this.cut();
  }

  /** Ends the connection without a word; the next one may be to another node. */
  cut(): void {
    this.socket?.terminate();
  }

  /** @returns false where there is no connection to send it on */
  protected send(type: string, payload: unknown, requestId?: string): boolean {
    if (this.socket?.readyState !== WebSocket.OPEN) return false;
    this.socket.send(JSON.stringify({ type, payload, requestId }));
    return true;
  }

  protected abstract onFrame(frame: Frame): void;

  /** Nothing that was asked on this connection will be answered any more. */
  protected abstract onClosed(): void;

  private async run(): Promise<void> {
    while (!this.stopped) {
      await this.session();
      this.onClosed();
      await delay(RETRY_MS);
    }
  }

  private async session(): Promise<void> {
    const socket = new WebSocket(`${this.address()}?token=${tokenFor({ sub: this.userId })}`);
    this.socket = socket;
    socket.on('message', (data: Buffer) => {
      // What is still in memory of a connection that was cut has not been received.
      if (socket.readyState === WebSocket.OPEN) this.onFrame(JSON.parse(data.toString()) as Frame);
    });
    socket.on('error', () => undefined);
    await new Promise((resolve) => {
      socket.once('close', resolve);
    });
  }
}

/** A member of rooms that writes down all it is told. */
export class RecoveringMember extends RecoveringClient {
  readonly logs: ReadonlyMap<string, RoomLog>;

  constructor(userId: string, rooms: readonly string[], address: () => string) {
    super(userId, address);
    this.logs = new Map(rooms.map((room) => [room, new RoomLog(userId, room)]));
  }

  /** True once it has been in all of its rooms. */
  get joined(): boolean {
    return [...this.logs.values()].every(({ position }) => position !== undefined);
  }

  protected onFrame({ type, payload, requestId }: Frame): void {
    if (type === 'connected') for (const room of this.logs.keys()) this.join(room);
    else if (type === 'error' && requestId !== undefined) setTimeout(() => this.join(requestId), RETRY_MS);
    const log = this.logs.get(payload?.room ?? '');
    if (type === 'room:joined') log?.joined(payload as JoinedPayload);
    else if (type === 'room:gap') log?.gap(payload as GapPayload);
    else if (type === 'room:message') log?.message(payload as RoomMessagePayload);
  }

  protected onClosed(): void {
    // The next connection joins anew.
  }

  private join(room: string): void {
    const recover = this.logs.get(room)?.position;
    this.send('join', { room, recover }, room);
  }
}

/** A publisher that repeats each message, under its id, until it is accepted. */
export class RecoveringPublisher extends RecoveringClient {
  /** What was accepted, by room. */
  readonly accepted = new Map<string, Accepted[]>();
  private readonly waiting = new Map<string, (frame: Frame | undefined) => void>();
  private attempts = 0;

  /**
   * Resolves when the message is accepted, or the publisher is stopped.
   *
   * @param n its place in the line: the one before must have been accepted
   * @param patienceMs when to try another node
   */
  async publish(room: string, line: string, n: number, patienceMs: number): Promise<void> {
    const id = `${this.userId}-${line}-${n}`;
    const sentAt = performance.now();
    while (!this.stopped) {
      const reply = await this.attempt({ room, data: id, id }, patienceMs);
      if (reply?.type === 'ack') {
        const { epoch = '', offset = NaN } = reply.payload as AckPayload;
        const message = { id, line: `${this.userId}-${line}`, n, epoch, offset, sentAt };
        this.take(room, message);
        return;
      }
      await delay(RETRY_MS);
    }
  }

  protected onFrame(frame: Frame): void {
    if (frame.requestId !== undefined) this.answer(frame.requestId, frame);
  }

  protected onClosed(): void {
    for (const requestId of this.waiting.keys()) this.answer(requestId, undefined);
  }

  private take(room: string, message: Accepted): void {
    const taken = this.accepted.get(room);
    if (taken === undefined) this.accepted.set(room, [message]);
    else taken.push(message);
  }

  private answer(requestId: string, frame: Frame | undefined): void {
    this.waiting.get(requestId)?.(frame);
    this.waiting.delete(requestId);
  }

  private attempt(payload: object, patienceMs: number): Promise<Frame | undefined> {
    const requestId = `r${(this.attempts += 1)}`;
    return new Promise((resolve) => {
      const timer = setTimeout(() => {
        this.answer(requestId, undefined);
        this.cut();
      }, patienceMs);
      this.waiting.set(requestId, (frame) => {
        clearTimeout(timer);
        resolve(frame);
      });
      if (!this.send('room:message', payload, requestId)) this.answer(requestId, undefined);
    });
  }
}
