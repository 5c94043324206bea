import type { Connection } from '../../src/connections/connection.js';
import type { JoinedPayload, RoomMessagePayload } from '../../src/protocol/messages.js';
import type { Position } from '../../src/protocol/position.js';
import type { FakeSocket } from './fake-socket.js';
import { FrameReader } from './fake-socket.js';
import type { History } from './history.js';
import type { SimulatedNode } from './node.js';

/** What a client knows of one room; it outlives its connections. */
interface RoomState {
  position: Position;
  /** Volatile messages that came, by what was in them. */
  readonly volatile: Set<unknown>;
}

/** What a client wanted when it joined. */
interface Question {
  readonly asked?: Position;
  /** True where it was a member already. */
  readonly again: boolean;
}

/**
 * A client that checks each frame as it comes: every message is the next one of the history, or one of its own lies
 * between, or the server has said what is lost. It remembers where it stood and comes back from there.
 */
export class CheckedClient {
  /** Rooms that the current connection is in. */
  readonly joined = new Set<string>();
  private readonly known = new Map<string, RoomState>();
  private connection: Connection | undefined;
  private socket: FakeSocket | undefined;
  private reader = new FrameReader();
  /** Replies that wait for an earlier one, as behind a publish that asks for confirmation. */
  private waiting: (() => void)[] | undefined;

  constructor(
    readonly userId: string,
    private readonly node: SimulatedNode,
    private readonly history: History,
  ) {}

  get connectionId(): string | undefined {
    return this.connection?.id;
  }

  async connect(): Promise<void> {
    this.reader = new FrameReader();
    const { connection, socket } = await this.node.open(this.userId, (bytes) => this.onBytes(bytes));
    this.connection = connection;
    this.socket = socket;
  }

  disconnect(): void {
    if (this.connection === undefined || this.socket === undefined) return;
    this.node.close(this.connection, this.socket);
    this.connection = undefined;
    this.waiting = undefined;
    this.joined.clear();
  }

  stall(): void {
    this.socket?.stall();
  }

  resume(): void {
    this.socket?.resume();
  }

  /** Has replies wait; requests take effect all the same. */
  holdReplies(): void {
    this.waiting ??= [];
  }

  releaseReplies(): void {
    const { waiting = [] } = this;
    this.waiting = undefined;
    for (const send of waiting) send();
  }

  async join(room: string, recover: boolean): Promise<void> {
    const { connection } = this;
    if (connection === undefined) return;
    const again = this.joined.has(room);
    this.joined.add(room);
    const position = recover && !again ? this.known.get(room)?.position : undefined;
    const joined = await this.node.joining.admit(
      connection,
      room,
      position === undefined ? {} : { recovery: { position } },
    );
    // The client may be another connection by now.
    if (this.connection !== connection) return;
    this.reply(() => {
      // It takes the way of all frames, so that it is read in its place among them.
      connection.send('room:joined', { ...joined.payload, asked: position, again } as JoinedPayload);
      joined.begin();
    });
  }

  leave(room: string): void {
    const { connection } = this;
    if (connection === undefined || !this.joined.delete(room)) return;
    this.node.rooms.leave(connection, room);
    this.reply(() => connection.send('room:left', { room }));
  }

  /** Where the client stands; its own messages, which it does not get back, count as had. */
  positionIn(room: string): Position | undefined {
    const state = this.known.get(room);
    return state && this.history.skipOwn(room, state.position, this.connectionId);
  }

  private reply(send: () => void): void {
    if (this.waiting === undefined) send();
    else this.waiting.push(send);
  }

  private onBytes(bytes: Buffer): void {
    for (const text of this.reader.read(bytes)) {
      const { type, payload } = JSON.parse(text) as { type: string; payload: never };
      this.onFrame(type, payload);
    }
  }

  private onFrame(type: string, payload: never): void {
    if (type === 'room:joined') this.onJoined(payload);
    else if (type === 'room:gap') this.onGap(payload);
    else if (type === 'room:message') this.onMessage(payload);
  }

  private onJoined({ room, epoch, offset, recovered, asked, again }: JoinedPayload & Question): void {
    if (again) this.checkStanding(room, { epoch, offset });
    const volatile = this.known.get(room)?.volatile ?? new Set();
    this.known.set(room, { position: { epoch, offset }, volatile });
    if (asked === undefined) return;
    const fits = epoch === asked.epoch && offset === asked.offset;
    if (!fits && this.history.isComplete(room)) this.fail(`nothing of ${room} was lost, and recovery failed`);
    if (recovered !== fits)
      this.fail(
        `recovered ${String(recovered)} from ${describePosition(asked)} at ${describePosition({ epoch, offset })}`,
      );
  }

  /** Who is a member already is told where it stands: past its own messages at most. */
  private checkStanding(room: string, told: Position): void {
    const state = this.known.get(room);
    const standing = state && this.history.skipOwn(room, state.position, this.connectionId, told.offset);
    if (standing?.epoch === told.epoch && standing.offset === told.offset) return;
    this.fail(`joined ${room} again at ${describePosition(told)}, standing at ${JSON.stringify(standing)}`);
  }

  private onGap({
    room,
    epoch,
    offset,
    reason,
  }: {
    room: string;
    epoch: string;
    offset: number;
    reason: string;
  }): void {
    const state = this.known.get(room);
    if (state === undefined) return this.fail(`a gap in ${room}, which was not joined`);
    if (epoch === state.position.epoch && offset <= state.position.offset) {
      return this.fail(`a gap (${reason}) that goes back to ${offset} from ${describePosition(state.position)}`);
    }
    if (this.history.isComplete(room)) this.fail(`nothing of ${room} was lost, and a gap was announced: ${reason}`);
    state.position = { epoch, offset };
    return undefined;
  }

  private onMessage({ room, data, offset }: RoomMessagePayload): void {
    const state = this.known.get(room);
    if (state === undefined) return this.fail(`a message of ${room}, which was not joined`);
    if (offset === undefined) {
      if (state.volatile.has(data)) return this.fail('a volatile message twice');
      state.volatile.add(data);
      return undefined;
    }
    const { epoch } = state.position;
    if (this.history.isOwn(room, epoch, offset, this.connectionId)) this.fail(`its own ${offset} of ${room}`);
    const before = this.history.skipOwn(room, { epoch, offset: state.position.offset }, this.connectionId, offset - 1);
    if (before.offset !== offset - 1) this.fail(`${offset} of ${room} came after ${describePosition(state.position)}`);
    if (!this.history.has(room, epoch, offset, data)) this.fail(`${offset} of ${room} holds ${String(data)}`);
    state.position = { epoch, offset };
    return undefined;
  }

  private fail(what: string): void {
    this.history.violations.push(`${this.userId}: ${what}`);
  }
}

function describePosition({ epoch, offset }: Position): string {
  return `${epoch}:${offset}`;
}
