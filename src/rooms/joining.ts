import { Injectable } from '@nestjs/common';

import type { HistoryPage, MaybePromise } from '../broker/broker.js';
import { RookeryOptions } from '../config/rookery.options.js';
import type { Connection } from '../connections/connection.js';
import { ProtocolError } from '../protocol/errors.js';
import type { JoinedPayload } from '../protocol/messages.js';
import type { Position, RecoveryFailure } from '../protocol/position.js';
import { isReservedRoom } from '../protocol/room-name.js';
import { Telemetry, type RecoveryOutcome } from '../telemetry/telemetry.js';
import { CatchUp } from './catch-up.js';
import { MembershipEvents } from './membership-events.js';
import { MembershipRegistry } from './membership-registry.js';
import { readOn } from './read-on.js';
import { ReturnReader } from './return-reader.js';
import { RoomDirectory } from './room-directory.js';
import { Membership, type Room } from './room.js';

/** Where a member wants to go on, or why it cannot: without a position it goes on live, and is told. */
export type Recovery = { readonly position: Position } | { readonly failure: RecoveryFailure };

interface Admission {
  readonly recovery?: Recovery | undefined;
  /** The application puts it there. */
  readonly byServer?: boolean;
}

/** A join that is decided. */
export interface Joined {
  /** To be read when it is sent: one that says where a member stands changes until then. */
  readonly payload: JoinedPayload;
  /** Lets messages through: to be called when the payload is on its way. */
  readonly begin: () => void;
}

export const NOTHING_TO_BEGIN = (): void => undefined;

/** Makes connections of this node members of rooms. */
@Injectable()
export class Joining {
  constructor(
    private readonly options: RookeryOptions,
    private readonly reader: ReturnReader,
    private readonly directory: RoomDirectory,
    private readonly registry: MembershipRegistry,
    private readonly catchUp: CatchUp,
    private readonly events: MembershipEvents,
    private readonly telemetry: Telemetry,
  ) {}

  /**
   * Makes a connection a member. A second time answers like the first; but where the application has put it into the
   * room, its client may still say where it wants to go on.
   *
   * @throws ProtocolError `ROOM_LIMIT`
   * @throws BrokerUnavailableError
   */
  admit(connection: Connection, name: string, { recovery, byServer = false }: Admission = {}): MaybePromise<Joined> {
    const present = this.registry.find(connection, name);
    if (present !== undefined) return this.admitAgain(present, recovery);
    this.checkLimit(connection, name);
    return this.directory.within(name, (room) => this.enter(connection, room, recovery, byServer));
  }

  private checkLimit(connection: Connection, name: string): void {
    const { maxRoomsPerConnection: max } = this.options;
    if (max === 0 || isReservedRoom(name)) return;
    const joined = this.registry.roomsOf(connection).filter((room) => !isReservedRoom(room)).length;
    if (joined >= max) throw new ProtocolError('ROOM_LIMIT', { max }).noted({ room: name });
  }

  private admitAgain(present: Membership, recovery: Recovery | undefined): MaybePromise<Joined> {
    if (recovery === undefined || !present.byServer) return answerAgain(present);
    if ('failure' in recovery) {
      this.count(present.room, recovery.failure);
      return answerAgain(present, recovery.failure);
    }
    const { position } = recovery;
    return this.directory.within(present.room.name, (room) =>
      then(this.reader.read(room, position), (page) => this.reenter(present, page)),
    );
  }

  private enter(
    connection: Connection,
    room: Room,
    recovery: Recovery | undefined,
    byServer: boolean,
  ): MaybePromise<Joined> {
    if (recovery === undefined) return this.enterLive(connection, room, byServer);
    if ('failure' in recovery) return this.enterLive(connection, room, byServer, recovery.failure);
    return then(this.reader.read(room, recovery.position), (page) => this.enterFrom(connection, room, page));
  }

  private enterLive(connection: Connection, room: Room, byServer: boolean, failure?: RecoveryFailure): Joined {
    // What was published up to now is not the newcomer's; from this position on everything is.
    room.flush();
    const payload = { room: room.name, ...room.position, ...refusalOf(failure) };
    const member = this.add(connection, room, room.position, byServer);
    if (member === undefined) return { payload, begin: NOTHING_TO_BEGIN };
    if (failure !== undefined) this.count(room, failure);
    room.addLive(member);
    member.hold();
    this.events.joined(member);
    return { payload, begin: () => member.release() };
  }

  private enterFrom(connection: Connection, room: Room, page: HistoryPage): Joined {
    const member = this.add(connection, room, readOn(page).start, false);
    const joined = this.standAt(room, member, page);
    if (member !== undefined) this.events.joined(member);
    return joined;
  }

  /** Gives a client that the application has put into the room another place to go on from. */
  private reenter(present: Membership, page: HistoryPage): Joined {
    const { connection, room } = present;
    // Taken out of the room while its history was read.
    if (present.left) throw new ProtocolError('FORBIDDEN');
    this.registry.delete(present);
    room.remove(present);
    const member = new Membership(connection, room, readOn(page).start, true);
    member.acknowledged = present.acknowledged;
    this.registry.add(member);
    return this.standAt(room, member, page);
  }

  /** Has a member wait where a page of history begins, until its reply is on its way. */
  private standAt(room: Room, member: Membership | undefined, page: HistoryPage): Joined {
    const { start, lost } = readOn(page);
    const outcome = lost === undefined ? { recovered: true } : refusalOf(lost);
    const payload = { room: room.name, ...start, ...outcome };
    if (member === undefined) return { payload, begin: NOTHING_TO_BEGIN };
    this.count(room, lost ?? 'complete');
    room.addAway(member);
    member.position = start;
    // What is lost is said by the reply; from its position on nothing is.
    const { lost: _said, ...rest } = page;
    return { payload, begin: () => this.catchUp.start(member, start, rest) };
  }

  private count({ behaviour }: Room, outcome: RecoveryOutcome): void {
    this.telemetry.recoveriesOf(behaviour.rule).add(outcome);
  }

  /** @returns undefined when the connection has closed, or is in the room already */
  private add(connection: Connection, room: Room, start: Position, byServer: boolean): Membership | undefined {
    if (connection.closing || this.registry.find(connection, room.name) !== undefined) return undefined;
    // Others may have been entered since it was asked for.
    this.checkLimit(connection, room.name);
    const member = new Membership(connection, room, start, byServer);
    this.registry.add(member);
    return member;
  }
}

function refusalOf(reason: RecoveryFailure | undefined): Pick<JoinedPayload, 'recovered' | 'reason'> {
  return reason === undefined ? {} : { recovered: false, reason };
}

function answerAgain(member: Membership, failure?: RecoveryFailure): Joined {
  return {
    // Earlier replies may keep this one waiting, while messages go on.
    get payload() {
      const { room } = member;
      // What was published up to now comes before the answer, which says that it has been had.
      room.flush();
      return { room: room.name, ...member.standing, ...refusalOf(failure) };
    },
    begin: NOTHING_TO_BEGIN,
  };
}

/** Goes on with a value: at once where it is here. */
function then<T, R>(value: MaybePromise<T>, proceed: (value: T) => R): MaybePromise<R> {
  return value instanceof Promise ? value.then(proceed) : proceed(value);
}
