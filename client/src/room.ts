import type { HistoryReply, Member as PresentMember, PresencePayload } from '../../src/protocol/messages.js';
import type { Position } from '../../src/protocol/position.js';
import { createAcknowledger } from './acknowledger.js';
import { Emitter } from './emitter.js';
import { RookeryError, clientError } from './errors.js';
import { createFeed, type Feed } from './feed.js';
import { History, type HistoryOptions } from './history.js';
import type { Core } from './core.js';
import { limited } from './limited.js';
import type { Stay } from './memberships.js';
import { createMessageLoop, type LoopOptions, type MessageLoop } from './message-loop.js';
import type { Joined, Published, PublishOptions, RoomMessage } from './messages.js';
import { PresenceList } from './presence.js';
import type { JoinOptions, RoomEvents, RoomState } from './room-events.js';
import { validated, type StandardSchemaV1 } from './standard-schema.js';

/** A room as one client sees it. `client.room(name)` makes it, and gives the same one each time. */
export class Room<Received = unknown, Sent = Received> extends Emitter<RoomEvents<Received>> {
  private readonly feed: Feed;
  private stay: Stay | undefined;
  private isIn = false;
  private isLeft = false;
  private readonly loops = new Set<MessageLoop<RoomMessage<Received>>>();
  private readonly lists = new Set<PresenceList>();
  private readonly acknowledgeTo: (position: Position) => Promise<void>;
  /** What is being checked before it is published. */
  private checking: Promise<unknown> | undefined;

  /** @internal */
  constructor(
    readonly name: string,
    private readonly core: Core,
    private readonly schema: StandardSchemaV1 | undefined,
  ) {
    super();
    this.feed = createFeed(
      name,
      core,
      {
        onMessage: (message) => this.give({ room: name, ...message } as RoomMessage<Received>),
        onGap: (gap) => void this.emit('gap', gap),
        onError: (error) => core.report(error, this),
        keepsEarly: (more) => core.rooms.keepsEarly(this as Room, more),
        onInvalid: (message, issues) => void this.emit('invalid', { message: { room: name, ...message }, issues }),
      },
      schema,
    );
    this.acknowledgeTo = createAcknowledger(({ epoch, offset }) =>
      core.request('ack', { room: name, epoch, offset }, { offline: 'repeat' }),
    );
  }

  /** Whether it is joined. After a break it is `joining` until the server has confirmed it anew. */
  get state(): RoomState {
    if (this.stay === undefined) return 'idle';
    return this.isIn ? 'joined' : 'joining';
  }

  /** Where the application is: everything up to here was given to it. */
  get position(): Position | undefined {
    return this.feed.position();
  }

  /**
   * Joins the room, and stays in it over reconnects until `leave`. Waits for a connection if there is none; a room that
   * is joined already is not joined again.
   *
   * @throws RookeryError `FORBIDDEN`, `ROOM_NAME_INVALID`, `ROOM_LIMIT`, `ABORTED`, `CLOSED`
   * @example
   * await room.join({ signal: AbortSignal.timeout(5_000) });
   */
  async join({ signal, recover }: JoinOptions = {}): Promise<Joined> {
    this.core.checkOpen();
    const { position, name } = this;
    if (this.isIn && position !== undefined) return { room: name, ...position };
    const stay = this.stay ?? this.begin(recover);
    return limited({ signal }, (settle) => {
      stay.waiters.add(settle);
      return () => {
        stay.waiters.delete(settle);
        if (stay.waiters.size === 0 && this.stay === stay && !stay.cameTrue) this.leave().catch(() => undefined);
      };
    });
  }

  /**
   * Leaves the room and forgets its position: joining it again begins with what comes then.
   *
   * @throws RookeryError `TIMEOUT` where the server does not confirm it; nothing comes any more all the same
   */
  async leave(): Promise<void> {
    const { stay, core } = this;
    if (stay === undefined) return;
    const asked = core.memberships.remove(stay);
    this.feed.stop();
    core.keeper.forget(this.name);
    this.end(stay, clientError('ABORTED', 'Left'));
    if (!asked || !core.wire.isUp()) return;
    // A connection that is gone has left the room, too.
    await core.request('leave', { room: this.name }, { offline: undefined }).catch((error: RookeryError) => {
      if (error.code !== 'OFFLINE') throw error;
    });
  }

  /**
   * Publishes to everybody in the room. Waits in the queue while there is no connection, and is sent again until the
   * server has acknowledged it; it takes effect once. One need not be in the room to publish.
   *
   * @param data any JSON value, or what the room's validator takes
   * @returns where the message stands in the room
   * @throws RookeryError `FORBIDDEN`, `NOT_JOINED`, `TOO_LARGE`, `INVALID_DATA`, `QUEUE_FULL`, `TIMEOUT`, `ABORTED`,
   * `CLOSED`; for a volatile message also `OFFLINE`, `RATE_LIMITED`
   * @example
   * const { offset } = await room.publish({ text: 'hello' }, { timeoutMs: 10_000 });
   */
  async publish(data: Sent, options?: PublishOptions): Promise<Published> {
    if (this.schema !== undefined) {
      // Each waits for those before it, so that they keep their order.
      const checked = Promise.all([validated(this.schema, data), this.checking]);
      this.checking = checked.then(() => undefined);
      const [{ issues }] = await checked;
      if (issues !== undefined) throw clientError('INVALID_DATA', issues[0]?.message ?? 'Not valid', { issues });
    }
    return this.core.publisher.publish('room:message', { room: this.name }, data, this.feed, options);
  }

  /**
   * The room's messages from now on, for a loop. Joins the room where nobody has; leaving the loop does not leave the
   * room. Ends when the room is left or the client closed.
   *
   * @throws RookeryError in the loop: `OVERFLOW`, `ABORTED`, and why the client may not be in the room
   * @example
   * for await (const { data } of room.messages()) console.log(data);
   */
  messages(options: LoopOptions = {}): AsyncIterableIterator<RoomMessage<Received>, undefined> {
    const loop = createMessageLoop<RoomMessage<Received>>(options, () => this.loops.delete(loop));
    this.loops.add(loop);
    if (this.stay === undefined) this.join().catch(loop.end);
    return loop.iterator;
  }

  /** The same as `messages()`. */
  [Symbol.asyncIterator](): AsyncIterableIterator<RoomMessage<Received>, undefined> {
    return this.messages();
  }

  /**
   * What the server keeps of the room. One need not be in it.
   *
   * @throws RookeryError in the loop; see {@link History}
   */
  history(options: HistoryOptions = {}): History<Received> {
    const read = (after: Position | undefined, limit: number): Promise<HistoryReply> =>
      this.core.request(
        'history',
        { room: this.name, after, limit },
        { signal: options.signal, offline: 'repeat' },
      ) as Promise<HistoryReply>;
    return new History(read, this.schema, (invalid) => void this.emit('invalid', invalid), options);
  }

  /** Who is in the room, as a list that is kept up to date until it is closed. */
  presence(): PresenceList {
    const read = (): Promise<PresencePayload> =>
      this.core.request('presence', { room: this.name }, { offline: 'repeat' }) as Promise<PresencePayload>;
    const list = new PresenceList(read, () => {
      this.lists.delete(list);
      this.usageChanged();
    });
    this.lists.add(list);
    this.usageChanged();
    if (this.isIn) this.refresh(list);
    return list;
  }

  /**
   * Tells the server that everything up to here is dealt with: publishers that asked to confirm learn of it, and
   * `join({ recover: 'last' })` goes on from here. Of many calls in a row only the latest position is sent.
   *
   * @throws RookeryError `NOT_JOINED`, `INVALID_PAYLOAD` for a volatile message, `TIMEOUT`, `CLOSED`
   */
  acknowledge(to: Position | RoomMessage<Received>): Promise<void> {
    return this.acknowledgeTo(to as Position);
  }

  /** The connection is gone. @internal */
  onDown(): void {
    this.isIn = false;
    this.feed.disconnected();
  }

  /** Something of this room came. @internal */
  receive(type: string, payload: never): void {
    if (type === 'room:left') this.onLeft();
    else if (type === 'room:joined') this.onPut(payload);
    else if (!this.isIn) return;
    else if (type === 'room:message') this.feed.received(payload);
    else if (type === 'room:gap') this.feed.gap(payload);
    else this.changePresence(type, payload);
  }

  /** The client is closed. @internal */
  onClosed(error: RookeryError): void {
    this.isIn = false;
    if (this.stay !== undefined) this.quit(this.stay, error);
  }

  /** Tells the client whether it has to keep the room. @internal */
  protected override usageChanged(): void {
    const { stay, lists, isLeft } = this;
    this.core.rooms.keep(this as Room, stay !== undefined || lists.size > 0 || this.hasListeners(), isLeft);
  }

  private begin(recover: Position | 'last' | undefined): Stay {
    const { core, name, feed } = this;
    let from: Position | 'last' | undefined;
    const stay: Stay = {
      name,
      waiters: new Set(),
      cameTrue: false,
      isAsked: false,
      recoverFrom: () => feed.reached() ?? from,
      onJoined: (joined) => {
        for (const settle of stay.waiters) settle(joined);
        stay.waiters.clear();
        if (this.isIn) return; // The server had put it there: the reply says nothing about what follows.
        from = undefined; // Said once: from here on, where the feed is counts.
        stay.cameTrue = true;
        this.isIn = true;
        feed.joined(joined);
        for (const list of this.lists) this.refresh(list);
        this.emit('joined', joined);
      },
      onRefused: (error) => this.quit(stay, error),
    };
    this.stay = stay;
    this.isLeft = false;
    this.usageChanged();
    const ask = (position: Position | 'last' | undefined): void => {
      from = position;
      stay.isAsked = true;
      if (this.stay === stay) core.memberships.add(stay);
    };
    const stored = recover ?? core.keeper.get(name);
    if (stored instanceof Promise) void stored.then(ask);
    else ask(stored);
    return stay;
  }

  /** The server has put the client into the room: it stays there, as after a `join` of its own. */
  private onPut(joined: Joined): void {
    const { stay = this.begin(undefined), isIn, core } = this;
    // With a position to go on from, what came while the client was away has to be asked for.
    if (isIn || !stay.isAsked || stay.recoverFrom() !== undefined) return;
    core.memberships.adopt(stay);
    stay.onJoined(joined);
  }

  /** The server has taken the client out of the room, or confirms that it has left. */
  private onLeft(): void {
    const { stay } = this;
    if (stay !== undefined && this.isIn) this.quit(stay, clientError('FORBIDDEN', 'Taken out of the room'));
  }

  /** The room is left against the application's will. Where it was is kept. */
  private quit(stay: Stay, error: RookeryError): void {
    this.core.memberships.remove(stay);
    this.feed.left();
    this.end(stay, error, true);
  }

  private end(stay: Stay, error: RookeryError, told = false): void {
    if (this.stay === stay) this.stay = undefined;
    this.isIn = false;
    // The rooms of a client that was closed keep their handlers, however many they are: it may connect again.
    this.isLeft = error.code !== 'CLOSED';
    this.usageChanged();
    for (const settle of stay.waiters) settle(error);
    for (const loop of this.loops) loop.end(told && this.isLeft ? error : undefined);
    this.emit('left', { room: this.name, error: told ? error : undefined });
  }

  private give(message: RoomMessage<Received>): void {
    this.emit('message', message);
    for (const loop of this.loops) loop.push(message);
  }

  /** What goes wrong with it belongs to no call. */
  private refresh(list: PresenceList): void {
    list.refresh().catch((error: RookeryError) => this.core.report(error, this));
  }

  private changePresence(type: string, member: PresentMember): void {
    for (const list of this.lists) {
      if (type === 'presence:joined') list.joined(member);
      else if (type === 'presence:left') list.left(member);
      else this.refresh(list);
    }
  }
}
