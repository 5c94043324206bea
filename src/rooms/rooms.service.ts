import { Inject, Injectable, type OnModuleInit } from '@nestjs/common';

import { Broker, type HistoryPage, type MaybePromise } from '../broker/broker.js';
import { RookeryOptions } from '../config/rookery.options.js';
import type { Connection } from '../connections/connection.js';
import { ConnectionsService } from '../connections/connections.service.js';
import { Lifecycle } from '../connections/lifecycle.js';
import { ProtocolError } from '../protocol/errors.js';
import type { JoinedPayload, Member } from '../protocol/messages.js';
import type { Position, RecoveryFailure } from '../protocol/position.js';
import { isReservedRoom } from '../protocol/room-name.js';
import { CatchUp, PAGE } from './catch-up.js';
import { MembershipRegistry } from './membership-registry.js';
import { Presence } from './presence.js';
import { isLevel, readOn } from './read-on.js';
import { RoomDirectory } from './room-directory.js';
import { Membership, type Room } from './room.js';

/** Payload of `room.joined` and `room.left`. */
export interface RoomMembershipEvent {
  readonly room: string;
  readonly connection: Connection;
}

/** Where a member wants to go on, or why it cannot: without a position it goes on live, and is told. */
export type Recovery = { readonly position: Position } | { readonly failure: RecoveryFailure };

/** A join that is decided. */
export interface Joined {
  /** To be read when it is sent: one that says where a member stands changes until then. */
  readonly payload: JoinedPayload;
  /** Lets messages through: to be called when the payload is on its way. */
  readonly begin: () => void;
}

const NOTHING_TO_BEGIN = (): void => undefined;

/** Who is in which room on this node. */
@Injectable()
export class RoomsService implements OnModuleInit {
  constructor(
    private readonly options: RookeryOptions,
    @Inject(Broker) private readonly broker: Broker,
    private readonly connections: ConnectionsService,
    private readonly directory: RoomDirectory,
    private readonly registry: MembershipRegistry,
    private readonly catchUp: CatchUp,
    private readonly presence: Presence,
    private readonly lifecycle: Lifecycle,
  ) {}

  onModuleInit(): void {
    this.connections.onClosed((connection) => {
      for (const member of this.registry.deleteAll(connection)) this.remove(member);
    });
  }

  /** A connection was told who is in a room on all nodes: members are told of what that was too early or too late for. */
  looked(connection: Connection, room: string, members: readonly Member[]): void {
    if (this.registry.find(connection, room) !== undefined) this.presence.looked(room, connection.id, members);
  }

  /** How many connections of this node are in the room. */
  size(room: string): number {
    return this.directory.find(room)?.size ?? 0;
  }

  /**
   * The room's members on this node.
   *
   * @param max how many to list at most
   */
  members(room: string, max = Infinity): Member[] {
    const listed: Member[] = [];
    for (const { connection } of this.directory.find(room)?.members() ?? []) {
      if (listed.length >= max) break;
      listed.push({ clientId: connection.id, userId: connection.userId });
    }
    return listed;
  }

  /** Where the room stands; undefined where nobody of this node is in it. */
  position(room: string): Position | undefined {
    return this.directory.find(room)?.position;
  }

  /** The rooms that have members on this node. */
  names(): IterableIterator<string> {
    return this.directory.names();
  }

  /** How many rooms have members on this node. */
  count(): number {
    return this.directory.size;
  }

  /** How many memberships there are on this node: a connection counts once for each of its rooms. */
  memberships(): number {
    let count = 0;
    for (const room of this.directory.all()) count += room.size;
    return count;
  }

  /** The rooms that a connection is in, the server's own among them. */
  roomsOf(connection: Connection): string[] {
    return this.registry.roomsOf(connection);
  }

  isMember(connection: Connection, room: string): boolean {
    return this.registry.find(connection, room) !== undefined;
  }

  /** Notes that a member has dealt with everything up to a position. */
  acknowledge(connection: Connection, name: string, position: Position): void {
    const member = this.registry.find(connection, name);
    if (member === undefined) return;
    const { acknowledged } = member;
    if (acknowledged === undefined || !isLevel(acknowledged, position)) member.acknowledged = position;
  }

  /** The members on this node, by connection, that have dealt with everything up to a position. */
  acknowledgedBy(name: string, position: Position): string[] {
    const ids: string[] = [];
    for (const { connection, acknowledged } of this.directory.find(name)?.members() ?? []) {
      if (acknowledged !== undefined && isLevel(acknowledged, position)) ids.push(connection.id);
    }
    return ids;
  }

  /** The members on this node, by connection, that joined before a position was reached: what is there is theirs. */
  joinedBefore(name: string, { epoch, offset }: Position): string[] {
    const ids: string[] = [];
    for (const { connection, startEpoch, startOffset } of this.directory.find(name)?.members() ?? []) {
      if (startEpoch !== epoch || startOffset < offset) ids.push(connection.id);
    }
    return ids;
  }

  /**
   * Puts a connection into a room. A second time answers like the first.
   *
   * @throws ProtocolError `ROOM_LIMIT`
   * @throws BrokerUnavailableError
   */
  join(connection: Connection, name: string, recovery?: Recovery): MaybePromise<Joined> {
    const present = this.registry.find(connection, name);
    if (present !== undefined) return answerAgain(present);
    this.checkLimit(connection, name);
    return this.directory.within(name, (room) => this.enter(connection, room, recovery));
  }

  /**
   * Takes a connection out of a room.
   *
   * @returns false when it was not in it
   */
  leave(connection: Connection, name: string): boolean {
    const member = this.registry.find(connection, name);
    if (member === undefined) return false;
    // What it published itself in this turn is told apart by its membership.
    member.room.flush();
    this.registry.delete(member);
    this.remove(member);
    return true;
  }

  private checkLimit(connection: Connection, name: string): void {
    const { maxRoomsPerConnection: max } = this.options;
    if (max === 0 || isReservedRoom(name)) return;
    const joined = this.roomsOf(connection).filter((room) => !isReservedRoom(room)).length;
    if (joined >= max) throw new ProtocolError('ROOM_LIMIT', { max });
  }

  private enter(connection: Connection, room: Room, recovery?: Recovery): MaybePromise<Joined> {
    if (recovery === undefined) return this.enterLive(connection, room);
    if ('failure' in recovery) return this.enterLive(connection, room, recovery.failure);
    const page = this.broker.history(room.name, recovery.position, PAGE);
    if (page instanceof Promise) return page.then((read) => this.enterFrom(connection, room, read));
    return this.enterFrom(connection, room, page);
  }

  private enterLive(connection: Connection, room: Room, failure?: RecoveryFailure): Joined {
    // What was published up to now is not the newcomer's; from this position on everything is.
    room.flush();
    const member = this.add(connection, room, room.position);
    const refused = failure === undefined ? {} : { recovered: false, reason: failure };
    const payload = { room: room.name, ...room.position, ...refused };
    if (member === undefined) return { payload, begin: NOTHING_TO_BEGIN };
    room.addLive(member);
    member.hold();
    return { payload, begin: () => member.release() };
  }

  private enterFrom(connection: Connection, room: Room, page: HistoryPage): Joined {
    const { start, lost } = readOn(page);
    const outcome = lost === undefined ? { recovered: true } : { recovered: false, reason: lost };
    const payload = { room: room.name, ...start, ...outcome };
    const member = this.add(connection, room, start);
    if (member === undefined) return { payload, begin: NOTHING_TO_BEGIN };
    room.addAway(member);
    member.position = start;
    // What is lost is said by the reply; from its position on nothing is.
    const { lost: _said, ...rest } = page;
    return { payload, begin: () => this.catchUp.start(member, start, rest) };
  }

  /** @returns undefined when the connection went away meanwhile, or is in the room already */
  private add(connection: Connection, room: Room, start: Position): Membership | undefined {
    if (connection.closing || this.isMember(connection, room.name)) return undefined;
    // Others may have been entered since it was asked for.
    this.checkLimit(connection, room.name);
    const member = new Membership(connection, room, start);
    this.registry.add(member);
    this.presence.joined(member);
    this.tell('room.joined', member);
    return member;
  }

  private remove(member: Membership): void {
    const { room } = member;
    room.remove(member);
    this.presence.left(member);
    this.tell('room.left', member);
    this.directory.closeIfEmpty(room);
  }

  private tell(event: 'room.joined' | 'room.left', { room, connection }: Membership): void {
    if (isReservedRoom(room.name) || !this.lifecycle.isHeard(event)) return;
    const payload: RoomMembershipEvent = { room: room.name, connection };
    void this.lifecycle.emit(event, payload);
  }
}

function answerAgain(member: Membership): Joined {
  return {
    // Earlier replies may keep this one waiting, while messages go on.
    get payload() {
      const { room } = member;
      // What was published up to now comes before the answer, which says that it has been had.
      room.flush();
      return { room: room.name, ...member.standing };
    },
    begin: NOTHING_TO_BEGIN,
  };
}
