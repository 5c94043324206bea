import { setTimeout as delay } from 'node:timers/promises';

import { WebSocket } from 'ws';

import type { JoinedPayload, RoomMessagePayload } from '../../src/protocol/messages.js';
import type { Position } from '../../src/protocol/position.js';
import { tokenFor } from './server.js';
import { cleanUp } from './teardown.js';

const RETRY_MS = 20;

interface Frame {
  readonly type: string;
  readonly payload?: never;
  readonly requestId?: string;
}

/** What a client that never gives up does: connects to whichever node there is, and goes on from where it stood. */
abstract class RecoveringClient {
  protected socket: WebSocket | undefined;
  private stopped = false;

  /** @param address picks a node */
  constructor(
    private readonly userId: string,
    private readonly address: () => string,
  ) {
    cleanUp(() => this.stop());
    void this.run();
  }

  stop(): void {
    this.stopped = true;
    this.socket?.terminate();
  }

  protected send(type: string, payload: unknown, requestId?: string): void {
    if (this.socket?.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify({ type, payload, requestId }));
  }

  protected abstract onFrame(frame: Frame): void;

  private async run(): Promise<void> {
    while (!this.stopped) {
      await this.session();
      await delay(RETRY_MS);
    }
  }

  private async session(): Promise<void> {
    const socket = new WebSocket(`${this.address()}?token=${tokenFor({ sub: this.userId })}`);
    this.socket = socket;
    socket.on('message', (data: Buffer) => this.onFrame(JSON.parse(data.toString()) as Frame));
    socket.on('error', () => undefined);
    await new Promise((resolve) => {
      socket.once('close', resolve);
    });
  }
}

/** A member of a room that writes down all it is told. */
export class RecoveringMember extends RecoveringClient {
  readonly messages: RoomMessagePayload[] = [];
  /** What the server said is lost. */
  readonly losses: string[] = [];
  private position: Position | undefined;

  constructor(
    userId: string,
    private readonly room: string,
    address: () => string,
  ) {
    super(userId, address);
  }

  /** True once it is in the room. */
  get joined(): boolean {
    return this.position !== undefined;
  }

  protected onFrame({ type, payload }: Frame): void {
    if (type === 'connected' || type === 'error') this.join();
    else if (type === 'room:joined') this.onJoined(payload as unknown as JoinedPayload);
    else if (type === 'room:gap') this.onGap(payload as unknown as Position & { room: string; recovered?: true });
    else if (type === 'room:message') this.onMessage(payload as unknown as RoomMessagePayload);
  }

  private join(): void {
    this.send('join', this.position === undefined ? this.room : { room: this.room, recover: this.position });
  }

  private onJoined({ epoch, offset, recovered, reason }: JoinedPayload): void {
    if (recovered === false) this.losses.push(`recovered: false, ${String(reason)}`);
    this.position = { epoch, offset };
  }

  private onGap({ room, epoch, offset, recovered }: Position & { room: string; recovered?: true }): void {
    if (room !== this.room) return;
    if (recovered === undefined) this.losses.push(`gap up to ${offset}`);
    this.position = { epoch, offset };
  }

  private onMessage(message: RoomMessagePayload): void {
    this.messages.push(message);
    if (this.position !== undefined && message.offset !== undefined) {
      this.position = { epoch: this.position.epoch, offset: message.offset };
    }
  }
}

/** A publisher that repeats each message, under its id, until it is accepted. */
export class RecoveringPublisher extends RecoveringClient {
  /** Offsets of what was accepted, by id. */
  readonly accepted = new Map<string, number>();
  private readonly waiting = new Map<string, (frame: Frame) => void>();
  private attempts = 0;

  constructor(
    private readonly name: string,
    private readonly room: string,
    address: () => string,
  ) {
    super(name, address);
  }

  /** Resolves when the message is accepted. */
  async publish(name: string, patienceMs: number): Promise<void> {
    const id = `${this.name}-${name}`;
    for (;;) {
      const reply = await this.attempt({ room: this.room, data: id, id }, patienceMs);
      if (reply?.type === 'ack') {
        this.accepted.set(id, (reply.payload as unknown as Position).offset);
        return;
      }
      await delay(RETRY_MS);
    }
  }

  protected onFrame(frame: Frame): void {
    if (frame.requestId !== undefined) this.waiting.get(frame.requestId)?.(frame);
  }

  private async attempt(payload: object, patienceMs: number): Promise<Frame | undefined> {
    const requestId = `r${(this.attempts += 1)}`;
    const reply = new Promise<Frame>((resolve) => this.waiting.set(requestId, resolve));
    this.send('room:message', payload, requestId);
    const answer = await Promise.race([reply, delay(patienceMs)]);
    this.waiting.delete(requestId);
    return answer as Frame | undefined;
  }
}
