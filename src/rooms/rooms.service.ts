import { Inject, Injectable, Logger, type OnModuleInit } from '@nestjs/common';

import { Broker, type HistoryPage, type MaybePromise } from '../broker/broker.js';
import type { Publication } from '../broker/publication.js';
import { RookeryOptions } from '../config/rookery.options.js';
import { RoomRules } from '../config/room-rules.js';
import type { Connection } from '../connections/connection.js';
import { ConnectionsService } from '../connections/connections.service.js';
import { Lifecycle } from '../connections/lifecycle.js';
import { Turn } from '../connections/turn.js';
import { ProtocolError } from '../protocol/errors.js';
import type { JoinedPayload, Member } from '../protocol/messages.js';
import type { Position, RecoveryFailure } from '../protocol/position.js';
import { isReservedRoom } from '../protocol/room-name.js';
import { Telemetry } from '../telemetry/telemetry.js';
import { CatchUp, PAGE } from './catch-up.js';
import { fanOut } from './fan-out.js';
import { readOn } from './read-on.js';
import { RoomIntake } from './room-intake.js';
import { Membership, Room, type RoomContext } from './room.js';
import { SlowMembers } from './slow-members.js';

/** Payload of `room.joined` and `room.left`. */
export interface RoomMembershipEvent {
  readonly room: string;
  readonly connection: Connection;
}

/** Payload of `room.occupied` and `room.vacated`: the first member on this node, the last one gone. */
export interface RoomOccupancyEvent {
  readonly room: string;
}

/** What to recover, and whether it may be: without leave the member goes on live, and is told. */
export interface RecoveryRequest {
  readonly position: Position;
  readonly allowed: boolean;
}

/** A join that is decided. */
export interface Joined {
  readonly payload: JoinedPayload;
  /** Lets messages through: to be called when the payload is on its way. */
  readonly begin: () => void;
}

const NOTHING_TO_BEGIN = (): void => undefined;

/** Who is in which room on this node, and the way of the rooms' messages to them. */
@Injectable()
export class RoomsService implements OnModuleInit, RoomContext {
  private readonly logger = new Logger(RoomsService.name);
  private readonly rooms = new Map<string, Room>();
  private readonly byConnection = new Map<Connection, Map<string, Membership>>();

  constructor(
    private readonly options: RookeryOptions,
    private readonly rules: RoomRules,
    @Inject(Broker) private readonly broker: Broker,
    private readonly connections: ConnectionsService,
    private readonly turn: Turn,
    private readonly intake: RoomIntake,
    private readonly catchUp: CatchUp,
    private readonly slowMembers: SlowMembers,
    private readonly lifecycle: Lifecycle,
    private readonly telemetry: Telemetry,
  ) {}

  onModuleInit(): void {
    this.broker.listen({
      onPublication: (name, epoch, publication) => {
        const room = this.rooms.get(name);
        if (room !== undefined) this.intake.receive(room, epoch, publication);
      },
    });
    this.connections.onClosed((connection) => this.leaveAll(connection));
  }

  /** How many connections of this node are in the room. */
  size(room: string): number {
    return this.rooms.get(room)?.size ?? 0;
  }

  /**
   * The room's members on this node.
   *
   * @param max how many to list at most
   */
  members(room: string, max = Infinity): Member[] {
    const listed: Member[] = [];
    for (const { connection } of this.rooms.get(room)?.members() ?? []) {
      if (listed.length >= max) break;
      listed.push({ clientId: connection.id, userId: connection.userId });
    }
    return listed;
  }

  /** The rooms that have members on this node. */
  names(): IterableIterator<string> {
    return this.rooms.keys();
  }

  /** How many rooms have members on this node. */
  count(): number {
    return this.rooms.size;
  }

  /** How many memberships there are on this node. */
  memberships(): number {
    let count = 0;
    for (const room of this.rooms.values()) count += room.size;
    return count;
  }

  /** The rooms that a connection is in. */
  roomsOf(connection: Connection): string[] {
    return [...(this.byConnection.get(connection)?.keys() ?? [])];
  }

  isMember(connection: Connection, room: string): boolean {
    return this.byConnection.get(connection)?.has(room) ?? false;
  }

  /**
   * Puts a connection into a room. A second time answers like the first.
   *
   * @param recovery where the client stood when it was last here
   * @throws ProtocolError `ROOM_LIMIT`
   * @throws BrokerUnavailableError
   */
  join(connection: Connection, name: string, recovery?: RecoveryRequest): MaybePromise<Joined> {
    const present = this.byConnection.get(connection)?.get(name);
    if (present !== undefined) return this.answerAgain(present);
    this.checkLimit(connection, name);
    const room = this.open(name);
    room.entering += 1;
    if (room.opening === undefined) return this.enterAndSettle(connection, room, recovery);
    return room.opening.then(
      () => this.enterAndSettle(connection, room, recovery),
      (error: unknown) => {
        this.settle(room);
        throw error;
      },
    );
  }

  /**
   * Takes a connection out of a room.
   *
   * @returns false when it was not in it
   */
  leave(connection: Connection, name: string): boolean {
    const memberships = this.byConnection.get(connection);
    const member = memberships?.get(name);
    if (memberships === undefined || member === undefined) return false;
    memberships.delete(name);
    this.remove(member);
    return true;
  }

  endOfTurn(room: Room): void {
    this.turn.endWithRoom(room);
  }

  deliver(room: Room, run: readonly Publication[]): void {
    if (!room.behaviour.echo) this.markSenders(room, run);
    if (room.away.size > 0) this.slowMembers.pass(room, run);
    this.telemetry.deliveries += room.live.length * run.length;
    const refused = fanOut(room.name, run, room.live);
    if (refused.length > 0) this.slowMembers.detach(room, refused, run);
  }

  private markSenders(room: Room, run: readonly Publication[]): void {
    for (const { origin } of run) {
      if (origin === undefined) continue;
      const sender = this.connections.find(origin);
      const member = sender === undefined ? undefined : this.byConnection.get(sender)?.get(room.name);
      if (member?.isLive) member.special = true;
    }
  }

  private checkLimit(connection: Connection, name: string): void {
    const { maxRoomsPerConnection: max } = this.options;
    if (max === 0 || isReservedRoom(name)) return;
    const joined = this.roomsOf(connection).filter((room) => !isReservedRoom(room)).length;
    if (joined >= max) throw new ProtocolError('ROOM_LIMIT', { max });
  }

  private open(name: string): Room {
    const known = this.rooms.get(name);
    if (known !== undefined) return known;
    const room = new Room(name, this.rules.of(name), this);
    this.rooms.set(name, room);
    const position = this.broker.subscribe(name);
    if (position instanceof Promise) {
      room.opening = position.then((start) => this.opened(room, start));
    } else {
      room.skipTo(position);
    }
    return room;
  }

  private opened(room: Room, position: Position): void {
    room.opening = undefined;
    room.skipTo(position);
    this.intake.takeAhead(room);
  }

  private enterAndSettle(connection: Connection, room: Room, recovery?: RecoveryRequest): MaybePromise<Joined> {
    const joined = this.enter(connection, room, recovery);
    if (!(joined instanceof Promise)) {
      this.settle(room);
      return joined;
    }
    return joined.finally(() => this.settle(room));
  }

  /** A join in progress is over: the room goes if nobody is in it after all. */
  private settle(room: Room): void {
    room.entering -= 1;
    this.closeIfEmpty(room);
  }

  private enter(connection: Connection, room: Room, recovery?: RecoveryRequest): MaybePromise<Joined> {
    if (recovery === undefined) return this.enterLive(connection, room);
    if (!recovery.allowed) return this.enterLive(connection, room, 'forbidden');
    const page = this.broker.history(room.name, recovery.position, PAGE);
    if (page instanceof Promise) return page.then((read) => this.enterFrom(connection, room, read));
    return this.enterFrom(connection, room, page);
  }

  private enterLive(connection: Connection, room: Room, failure?: RecoveryFailure): Joined {
    const member = this.add(connection, room);
    if (member === undefined) return { payload: { room: room.name, ...room.position }, begin: NOTHING_TO_BEGIN };
    room.addLive(member);
    member.held = [];
    member.special = true;
    const refused = failure === undefined ? {} : { recovered: false, reason: failure };
    return { payload: { room: room.name, ...room.position, ...refused }, begin: () => this.beginLive(member) };
  }

  /** What came between the decision and the reply goes out now. */
  private beginLive(member: Membership): void {
    const { connection, held = [], room } = member;
    member.held = undefined;
    member.special = false;
    for (const publication of held) {
      if (publication.origin === connection.id && !room.behaviour.echo) continue;
      connection.outbox.push(connection.wire.publication(room.name, publication));
    }
  }

  private enterFrom(connection: Connection, room: Room, page: HistoryPage): Joined {
    const { start, lost } = readOn(page);
    const outcome = lost === undefined ? { recovered: true } : { recovered: false, reason: lost };
    const payload = { room: room.name, ...start, ...outcome };
    const member = this.add(connection, room);
    if (member === undefined) return { payload, begin: NOTHING_TO_BEGIN };
    room.away.add(member);
    // What is lost is said by the reply; from its position on nothing is.
    const { lost: _said, ...rest } = page;
    return { payload, begin: () => this.catchUp.start(member, start, rest) };
  }

  /** @returns undefined when the connection went away meanwhile, or is in the room already */
  private add(connection: Connection, room: Room): Membership | undefined {
    if (connection.closing) return undefined;
    let memberships = this.byConnection.get(connection);
    if (memberships === undefined) this.byConnection.set(connection, (memberships = new Map()));
    if (memberships.has(room.name)) return undefined;
    const member = new Membership(connection, room);
    memberships.set(room.name, member);
    if (room.size === 0) this.tell('room.occupied', { room: room.name });
    this.tell('room.joined', { room: room.name, connection });
    return member;
  }

  private answerAgain({ room, position }: Membership): Joined {
    return { payload: { room: room.name, ...(position ?? room.position) }, begin: NOTHING_TO_BEGIN };
  }

  private leaveAll(connection: Connection): void {
    const memberships = this.byConnection.get(connection);
    this.byConnection.delete(connection);
    for (const member of memberships?.values() ?? []) this.remove(member);
  }

  private remove(member: Membership): void {
    const { room, connection } = member;
    room.remove(member);
    this.tell('room.left', { room: room.name, connection });
    this.closeIfEmpty(room);
  }

  private closeIfEmpty(room: Room): void {
    if (room.size > 0 || room.entering > 0 || this.rooms.get(room.name) !== room) return;
    this.rooms.delete(room.name);
    this.tell('room.vacated', { room: room.name });
    const done = this.broker.unsubscribe(room.name);
    if (done instanceof Promise)
      done.catch((error: unknown) => this.logger.warn(`Unsubscribing failed: ${String(error)}`));
  }

  private tell(event: string, payload: RoomMembershipEvent | RoomOccupancyEvent): void {
    // The server's own rooms come and go with their connections, which has an event already.
    if (!isReservedRoom(payload.room) && this.lifecycle.isHeard(event)) void this.lifecycle.emit(event, payload);
  }
}
