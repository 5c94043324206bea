import { Injectable, type OnModuleInit } from '@nestjs/common';

import type { Connection } from '../connections/connection.js';
import { ConnectionsService } from '../connections/connections.service.js';
import type { Member } from '../protocol/messages.js';
import type { Position } from '../protocol/position.js';
import { parseRoomName } from '../protocol/room-name.js';
import { Joining, NOTHING_TO_BEGIN } from './joining.js';
import { MembershipEvents } from './membership-events.js';
import { MembershipRegistry } from './membership-registry.js';
import { Presence } from './presence.js';
import { isLevel } from './read-on.js';
import { RoomDirectory } from './room-directory.js';
import type { Membership } from './room.js';

/** Who is in which room on this node. */
@Injectable()
export class RoomsService implements OnModuleInit {
  constructor(
    private readonly connections: ConnectionsService,
    private readonly directory: RoomDirectory,
    private readonly registry: MembershipRegistry,
    private readonly joining: Joining,
    private readonly presence: Presence,
    private readonly events: MembershipEvents,
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
   * Puts a connection of this node into a room, without asking the policy. The client is told by a `room:joined` that
   * answers no request, and gets every message from then on. It stays in the room when a new token would not cover it.
   *
   * @returns false when the connection is closed by now
   * @throws ProtocolError `ROOM_NAME_INVALID`, `ROOM_LIMIT`
   * @throws BrokerUnavailableError
   * @example
   * @OnEvent('connection.opened')
   * async opened({ connection }: ConnectionOpenedEvent) {
   *   await this.rooms.join(connection, `team:${await this.teams.of(connection.userId)}`);
   * }
   */
  async join(connection: Connection, name: string): Promise<boolean> {
    const room = parseRoomName(name);
    if (connection.closing) return false;
    const { payload, begin } = await this.joining.admit(connection, room, { byServer: true });
    // The connection was in the room already, or has closed: there is nothing to tell.
    if (begin !== NOTHING_TO_BEGIN) {
      connection.send('room:joined', payload);
      begin();
    }
    return this.isMember(connection, room);
  }

  /** True where the application has put the connection into the room. @internal */
  wasPut(connection: Connection, room: string): boolean {
    return this.registry.find(connection, room)?.byServer === true;
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

  private remove(member: Membership): void {
    const { room } = member;
    room.remove(member);
    this.events.left(member);
    this.directory.closeIfEmpty(room);
  }
}
