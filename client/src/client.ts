import type { Envelope } from '../../src/protocol/envelope.js';
import type { ErrorPayload } from '../../src/protocol/errors.js';
import type { ConnectedPayload } from '../../src/protocol/messages.js';
import { createConnection, type ClientState, type Connection, type StateChange } from './connection.js';
import type { Core } from './core.js';
import { Emitter } from './emitter.js';
import { RookeryError, clientError, serverError } from './errors.js';
import type { End } from './machine.js';
import { createMemberships } from './memberships.js';
import { limited, type Settle } from './limited.js';
import type { DirectMessage, Gap, Published, PublishOptions } from './messages.js';
import type { ClientOptions } from './options.js';
import { createPositionKeeper } from './position-keeper.js';
import { MemoryPositions } from './positions.js';
import { createPublisher } from './publisher.js';
import { Room } from './room.js';
import { createRooms } from './rooms.js';
import { createServerRooms, type ServerRooms } from './server-rooms.js';
import { settingsOf, type Settings } from './settings.js';
import { jsonOf } from './text.js';
import { entryOf, type AnyRooms, type PublishedIn, type ReceivedIn, type RoomName } from './typed-rooms.js';
import { createWire, type RequestOptions } from './wire.js';

/** What `client.on` tells of. */
export interface ClientEvents {
  state: StateChange;
  /** A message to everybody. */
  broadcast: DirectMessage;
  /** A message to this user. */
  'user:message': DirectMessage;
  /** Messages to everybody or to this user are lost to this client. */
  gap: Gap;
  /** A message of a type of the application's own. */
  message: { readonly type: string; readonly payload: unknown };
  /** Something went wrong that belongs to no call. Where nobody listens, it goes to the console. */
  error: RookeryError;
}

/** How to ask. */
export type ClientRequestOptions = Pick<RequestOptions, 'timeoutMs' | 'signal'>;

/** What comes to rooms without having been asked for. Other types that begin so may be the application's. */
const OF_ROOMS = /^(?:room:(?:message|gap|joined|left)|presence:(?:joined|left|changed))$/;

/**
 * A client of a Rookery server. Connects by itself, comes back after every break, joins its rooms again and goes on
 * where they were.
 *
 * @typeParam Rooms - a map from room pattern to message type; follows from `options.rooms` where that is given
 * @example
 * const client = new RookeryClient<{ 'chat:*': { text: string } }>('wss://example.org/ws', { token });
 * const room = client.room('chat:1');
 * room.on('message', ({ data, from }) => console.log(from, data.text));
 * await room.join();
 * await room.publish({ text: 'hello' });
 */
export class RookeryClient<Rooms extends object = AnyRooms> extends Emitter<ClientEvents> {
  private readonly settings: Settings;
  private readonly core: Core;
  private readonly connection: Connection;
  private readonly serverRooms: ServerRooms;
  private closed: RookeryError | undefined;
  /** It will connect by itself as soon as what is going on now is over. */
  private starting: boolean;
  private waiters: Settle<void>[] = [];

  /** @param url of the server's WebSocket: `wss://…/ws`; a query that it has is kept */
  constructor(
    private readonly url: string | URL,
    options: ClientOptions<Rooms> = {},
  ) {
    super();
    const settings = (this.settings = settingsOf(options));
    const { delays, queue, publishTimeoutMs } = settings;
    const wire = createWire();
    const core: Core = (this.core = {
      wire,
      memberships: createMemberships(wire, delays),
      publisher: createPublisher(wire, queue, delays, publishTimeoutMs, () => core.checkOpen()),
      rooms: createRooms((name) => new Room(name, core, entryOf(settings.schemas, name))),
      keeper: createPositionKeeper(options.positions ?? new MemoryPositions(), (error) => core.report(error)),
      checkOpen: () => {
        if (this.closed !== undefined) throw this.closed;
      },
      userId: () => this.userId,
      overflow: () => this.connection.dispatch({ type: 'abandon', reason: 'overflow' }),
      request: (type, payload, requestOptions) => this.request(type, payload, requestOptions),
      report: (error, room) => {
        if (!room?.emit('error', error) && !this.emit('error', error)) console.error(error);
      },
    });
    this.serverRooms = createServerRooms(core, this, options.userId);
    this.connection = createConnection(settings.connection, {
      address: () => this.serverRooms.address(this.url),
      onUp: (session, send) => this.onUp(session, send),
      onMessage: (envelope) => this.onMessage(envelope),
      onDown: () => this.onDown(),
      onState: (change) => this.onState(change),
      onError: core.report,
      onHide: core.keeper.storeAll,
      // Whatever comes is a sign of life.
      ping: () => void wire.send({ type: 'ping', settle: () => undefined }, true),
      graceMs: wire.graceMs,
    });
    this.starting = options.autoConnect ?? true;
    queueMicrotask(() => this.starting && this.start());
  }

  /** Whether there is a connection, or whether one is tried for. */
  get state(): ClientState {
    return this.starting ? 'connecting' : this.connection.publicState();
  }

  /** The server's name for the present connection; undefined while there is none. */
  get clientId(): string | undefined {
    return this.connection.session()?.clientId;
  }

  /** The user of the present connection; undefined while there is none. */
  get userId(): string | undefined {
    return this.connection.session()?.userId;
  }

  /**
   * Connects, if it does not do so by itself, and waits until it is connected. A client that was closed begins anew; its
   * rooms have to be joined again, and go on where they were.
   *
   * @throws RookeryError `CLOSED` when the server will not have the client, or `close()` is called
   */
  connect(): Promise<void> {
    if (this.state === 'connected') return Promise.resolve();
    return limited({}, (settle) => {
      this.waiters.push(settle);
      this.start();
      return () => undefined;
    });
  }

  /**
   * Tries to connect at once: does not wait for the next attempt, whoever set its delay, and lets the delays begin
   * again. Connects a client that was closed. Checks whether an existing connection is alive, and replaces it if it is not.
   *
   * @example
   * retryButton.onclick = () => client.reconnect();
   */
  reconnect(): void {
    this.start();
    this.connection.dispatch({ type: 'retry' });
  }

  /**
   * Ends the connection for good. What waits is rejected with `CLOSED`; rooms are left, and their positions stored: it
   * waits for a store that takes its time.
   */
  async close(): Promise<void> {
    this.starting = false;
    this.connection.dispatch({ type: 'close' });
    if (this.closed === undefined) this.end({ reason: 'closed' });
    await this.core.keeper.settle();
  }

  /** For `await using`: the same as `close()`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /**
   * A room: the same object for the same name, whether it is joined or not. A room that is neither joined nor held by
   * the application, and has no handlers, is freed; the next call makes a new one.
   *
   * @throws RookeryError `ROOM_NAME_INVALID` for names with `@` first, which are the server's
   */
  room<Name extends RoomName<Rooms>>(name: Name): Room<ReceivedIn<Rooms, Name>, PublishedIn<Rooms, Name>> {
    if (name.startsWith('@')) throw clientError('ROOM_NAME_INVALID', 'Reserved');
    // The map of types says what its rooms hold; where it came with validators, they see to it.
    return this.core.rooms.get(name) as unknown as Room<ReceivedIn<Rooms, Name>, PublishedIn<Rooms, Name>>;
  }

  /**
   * Publishes to every connection of every user. Needs a grant that names `@all`. As `room.publish` otherwise.
   *
   * @throws RookeryError as `room.publish`
   */
  broadcast(data: unknown, options?: PublishOptions): Promise<Published> {
    return this.core.publisher.publish('broadcast', {}, data, this.serverRooms.everybody, options);
  }

  /**
   * Publishes to every connection of one user. As `room.publish` otherwise.
   *
   * @throws RookeryError as `room.publish`
   */
  sendToUser(userId: string, data: unknown, options?: PublishOptions): Promise<Published> {
    return this.core.publisher.publish('user:message', { userId }, data, this.serverRooms.ofUser(userId), options);
  }

  /**
   * Sends a message of a type of the application's own, and waits for the reply. It is sent once: when the connection is
   * lost before the reply has come, it fails with `OFFLINE`.
   *
   * @returns the reply's payload
   * @throws RookeryError `TIMEOUT`, `ABORTED`, `OFFLINE`, `CLOSED`, `INVALID_DATA`, `TOO_LARGE`, and what the
   * application says
   * @example
   * const order = await client.request('order:get', { id: 7 }, { timeoutMs: 2_000 });
   */
  async request(type: string, payload?: unknown, options: ClientRequestOptions = {}): Promise<unknown> {
    this.core.checkOpen();
    const text = payload === undefined ? undefined : jsonOf(payload);
    const { timeoutMs = this.settings.requestTimeoutMs } = options;
    return this.core.wire.request(type, text, { offline: 'wait', ...options, timeoutMs });
  }

  /** Sends a message of a type of the application's own. What goes wrong comes as the event `error`. */
  send(type: string, payload?: unknown): void {
    this.request(type, payload).catch(this.core.report);
  }

  private start(): void {
    this.starting = false;
    this.closed = undefined;
    this.connection.dispatch({ type: 'connect' });
  }

  private onUp(session: ConnectedPayload, send: (text: string) => void): void {
    const { wire, memberships } = this.core;
    wire.up(send, session);
    memberships.up();
    this.serverRooms.up(session);
  }

  /** Rooms first: what was published and is not known to have arrived may have its place among what comes again. */
  private onDown(): void {
    const { rooms } = this.core;
    for (const room of rooms.all()) room.onDown();
    rooms.forgetEarly();
    this.serverRooms.down();
    this.core.wire.down();
    this.core.publisher.down();
  }

  private onState(change: StateChange): void {
    if (change.state === 'closed') this.end(change);
    this.emit('state', change);
    if (change.state === 'connected') for (const settle of this.waiters.splice(0)) settle();
  }

  private end({ reason, code, status, cause }: End): void {
    const error = clientError('CLOSED', `Closed: ${reason || code}`, { reason, code, status }, cause);
    this.closed = error;
    this.core.wire.end(error);
    this.core.publisher.end(error);
    for (const room of this.core.rooms.all()) room.onClosed(error);
    this.core.keeper.storeAll();
    for (const settle of this.waiters.splice(0)) settle(error);
  }

  private onMessage(envelope: Envelope): void {
    const { type, payload, requestId } = envelope;
    // What names a request is for those who wait for it, if they still do.
    if (requestId !== undefined) {
      this.core.wire.receive(envelope);
      return;
    }
    if (type === 'broadcast' || type === 'user:message') {
      this.serverRooms.receive(type, payload as never);
    } else if (type === 'auth:expiring') {
      void this.refresh();
    } else if (type === 'error') {
      this.onError(serverError(payload as ErrorPayload));
    } else if (OF_ROOMS.test(type)) {
      const { room } = payload as { room: string };
      if (room.startsWith('@')) this.serverRooms.lose(payload as never);
      else this.core.rooms.find(room)?.receive(type, payload as never);
    } else {
      this.emit('message', { type, payload });
    }
  }

  /** An error that names no request. */
  private onError(error: RookeryError): void {
    const { code, message, details } = error;
    if (code !== 'RATE_LIMITED') this.core.report(error);
    // One of the long messages was not read, and will not be answered; which one is not said.
    else this.connection.dispatch({ type: 'abandon', reason: message, ...details });
  }

  private async refresh(): Promise<void> {
    const session = this.connection.session();
    if (!this.settings.connection.renewable) return;
    try {
      const token = await this.connection.getToken('expiring');
      if (session !== this.connection.session()) return;
      await this.core.request('auth:refresh', { token }, { offline: undefined, first: true });
    } catch (error) {
      // At the end of the token the server closes, and the function is asked again.
      if (session === this.connection.session()) this.core.report(error as RookeryError);
    }
  }
}
