import { once } from 'node:events';

import { WebSocket } from 'ws';

import type { AckPayload } from '../../src/protocol/messages.js';
import type { Frame } from '../support/client.js';
import { tokenFor, type TestServer } from '../support/server.js';
import type { Ledger, Message } from './ledger.js';
import { RoomView } from './room-view.js';

/** Messages that a client may have unacknowledged before it waits. */
const MAX_PENDING = 10;

/**
 * A client as it has to be written against the protocol: it remembers the last message of each room, comes back from
 * there, and sends again under the same id what was not acknowledged. It also checks whatever it gets.
 */
export class ChaosClient {
  private readonly views: ReadonlyMap<string, RoomView>;
  private readonly pending = new Map<string, Message>();
  private socket: WebSocket | undefined;
  /** Number of the current connection; frames of earlier ones that are still in memory do not count. */
  private connection = 0;
  private waiter: { readonly holds: () => boolean; readonly resolve: () => void } | undefined;

  constructor(
    readonly userId: string,
    readonly rooms: readonly string[],
    private readonly server: TestServer,
    private readonly ledger: Ledger,
  ) {
    this.views = new Map(rooms.map((room) => [room, new RoomView(room, userId, ledger)]));
  }

  async connect(): Promise<void> {
    const connection = this.ledger.nextConnection();
    const socket = new WebSocket(`${this.server.ws}?token=${tokenFor({ sub: this.userId })}`);
    this.socket = socket;
    this.connection = connection;
    socket.on('message', (data: Buffer) => {
      if (this.connection === connection) this.onFrame(JSON.parse(data.toString()) as Frame);
    });
    socket.on('error', () => undefined);
    socket.on('close', (code) => {
      if (this.connection === connection) this.ledger.fail(`${this.userId} was closed with ${code}`);
    });
    await once(socket, 'open');
    for (const room of this.rooms) this.join(room);
    for (const message of this.pending.values()) this.transmit(message);
  }

  /** Resolves when it is in all its rooms. */
  entered(): Promise<void> {
    return this.until(() => [...this.views.values()].every(({ joined }) => joined));
  }

  /** Goes without a word, whatever is on its way. */
  cut(): void {
    this.forgetConnection();
    this.socket?.terminate();
  }

  /** Says goodbye, and goes when it is heard. */
  async close(): Promise<void> {
    this.forgetConnection();
    if (this.socket === undefined) return;
    this.socket.close(1000);
    await once(this.socket, 'close');
  }

  pause(): void {
    this.socket?.pause();
  }

  resume(): void {
    this.socket?.resume();
  }

  /** Sends a message; it stays pending, over as many connections as it takes, until it is acknowledged. */
  publish(message: Message): void {
    this.pending.set(message.id, message);
    this.transmit(message);
  }

  /** Sends once more what was acknowledged before. */
  repeat(message: Message): void {
    if (this.pending.has(message.id)) return;
    this.publish(message);
  }

  /** Resolves when few enough messages wait for their acknowledgement. */
  calm(pending = MAX_PENDING): Promise<void> {
    return this.until(() => this.pending.size <= pending);
  }

  /** Leaves a room, and comes back from where it was. */
  async leaveAndReturn(room: string): Promise<void> {
    const view = this.views.get(room);
    if (view?.joined !== true) return;
    this.send('leave', room, `leave ${room}`);
    await this.until(() => !view.joined);
    this.join(room);
  }

  /** Resolves when it has everything of all its rooms. */
  level(): Promise<void> {
    return this.until(() => this.behind().length === 0);
  }

  /** The rooms of which it has not got everything. */
  behind(): string[] {
    return [...this.views.values()].filter((view) => !view.isLevel(this.connection)).map(String);
  }

  check(): void {
    for (const view of this.views.values()) view.check();
  }

  get announced(): number {
    return [...this.views.values()].reduce((sum, { announced }) => sum + announced, 0);
  }

  private forgetConnection(): void {
    this.connection = 0;
    for (const view of this.views.values()) view.joined = false;
  }

  private join(room: string): void {
    const position = this.views.get(room)?.position;
    this.send('join', position === undefined ? room : { room, recover: position });
  }

  private transmit({ n, id, room, text, sentOn, acknowledged }: Message): void {
    if (!acknowledged) sentOn.add(this.connection);
    this.send('room:message', { room, id, data: { n, text } }, `publish ${id}`);
  }

  private send(type: string, payload: unknown, requestId?: string): void {
    this.socket?.send(JSON.stringify({ type, payload, requestId }));
  }

  private onFrame({ type, payload }: Frame): void {
    const view = this.views.get(String(payload?.room));
    if (type === 'room:message') {
      this.ledger.deliveries += 1;
      view?.onMessage(payload, this.connection);
    } else if (type === 'ack') this.onAck(payload as AckPayload);
    else if (type === 'room:joined') view?.onJoined(payload);
    else if (type === 'room:gap') view?.onGap(payload);
    else if (type === 'room:left' && view !== undefined) view.joined = false;
    else if (type === 'error') this.ledger.fail(`${this.userId} got ${JSON.stringify(payload)}`);
    if (this.waiter?.holds()) this.waiter.resolve();
  }

  private onAck({ room, id, offset = NaN, duplicate }: AckPayload): void {
    const message = this.pending.get(id);
    if (message === undefined) {
      this.ledger.fail(`${this.userId} got an acknowledgement of ${id}, which it did not wait for`);
      return;
    }
    this.pending.delete(id);
    if (message.acknowledged && duplicate !== true) this.ledger.fail(`${id} was taken twice`);
    if (duplicate === true && !message.acknowledged && message.sentOn.size < 2)
      this.ledger.fail(`${id} was no duplicate`);
    message.acknowledged = true;
    this.ledger.place(message, room, offset);
  }

  private until(holds: () => boolean): Promise<void> {
    if (holds()) return Promise.resolve();
    return new Promise((resolve) => {
      this.waiter = {
        holds,
        resolve: () => {
          this.waiter = undefined;
          resolve();
        },
      };
    });
  }
}
