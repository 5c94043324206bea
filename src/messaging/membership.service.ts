import { Inject, Injectable, Logger } from '@nestjs/common';

import { Broker, type MaybePromise } from '../broker/broker.js';
import { RookeryOptions } from '../config/rookery.options.js';
import type { Connection } from '../connections/connection.js';
import { failureOf } from '../connections/failure.js';
import { reply, type Reply } from '../connections/reply.js';
import { ProtocolError } from '../protocol/errors.js';
import { LAST_ACKNOWLEDGED, type JoinPayload, type JoinRefusal } from '../protocol/messages.js';
import type { Position } from '../protocol/position.js';
import { EVERYBODY, isReservedRoom, userRoom } from '../protocol/room-name.js';
import { ClusterRooms, type ClusterRoom } from '../rooms/cluster-rooms.js';
import type { JoinRequest } from '../protocol/payloads.js';
import { Joining, type Joined, type Recovery } from '../rooms/joining.js';
import { RoomsService } from '../rooms/rooms.service.js';
import { Journal } from '../telemetry/journal.js';
import { RoomAccess } from './room-access.js';

const NOT_TO_BE_LEFT = 'The server keeps every connection in this room';

/** Joining, leaving and looking around, as clients ask for it. */
@Injectable()
export class MembershipService {
  private readonly logger = new Logger(MembershipService.name);

  constructor(
    private readonly options: RookeryOptions,
    @Inject(Broker) private readonly broker: Broker,
    private readonly rooms: RoomsService,
    private readonly joining: Joining,
    private readonly everywhere: ClusterRooms,
    private readonly access: RoomAccess,
    private readonly journal: Journal,
  ) {}

  join(connection: Connection, request: JoinRequest): MaybePromise<Reply> {
    if ('rooms' in request) return this.joinMany(connection, request.rooms);
    const joined = this.joinOne(connection, request);
    return joined instanceof Promise ? joined.then(replyOf) : replyOf(joined);
  }

  leave(connection: Connection, room: string): Reply {
    if (isOwn(connection, room)) throw new ProtocolError('FORBIDDEN').noted({ room, reason: NOT_TO_BE_LEFT });
    this.rooms.leave(connection, room);
    return reply('room:left', { room });
  }

  presence(connection: Connection, room: string): MaybePromise<Reply> {
    return this.access.when(
      connection.principal,
      'presence',
      room,
      () => this.answerPresence(connection, room, this.everywhere.find(room, this.options.presenceMaxMembers)),
      connection,
    );
  }

  /** Takes a connection out of the rooms that its new token does not cover. */
  async reconsider(connection: Connection): Promise<void> {
    for (const room of this.rooms.roomsOf(connection)) {
      if (isOwn(connection, room) || this.rooms.wasPut(connection, room)) continue;
      if (await this.access.allows(connection.principal, 'join', room, connection)) continue;
      this.rooms.leave(connection, room);
      connection.send('room:left', { room });
      const reason = 'The new token does not cover the room';
      this.journal.write({ ...connection.about, room, event: 'member.removed', code: 'TOKEN_CHANGED', reason });
    }
  }

  private joinOne(connection: Connection, { room, recover }: JoinPayload): MaybePromise<Joined> {
    // The server put it there itself, and nobody's leave is needed to be told so again.
    if (isOwn(connection, room)) return this.joining.admit(connection, room);
    const proceed = (): MaybePromise<Joined> =>
      recover === undefined ? this.joining.admit(connection, room) : this.recover(connection, room, recover);
    // Nor is it where the application has put it there.
    if (this.rooms.wasPut(connection, room)) return proceed();
    return this.access.when(connection.principal, 'join', room, proceed, connection);
  }

  /** All at once: over a network, one after the other would wait once for each. */
  private async joinMany(connection: Connection, requests: readonly (JoinPayload | ProtocolError)[]): Promise<Reply> {
    // The first of them has been charged like any message.
    connection.rate.charge(requests.length - 1);
    const outcomes = await Promise.all(requests.map((request) => this.tryJoin(connection, request)));
    return {
      event: 'rooms:joined',
      get data() {
        return { rooms: outcomes.map((outcome) => ('begin' in outcome ? outcome.payload : outcome)) };
      },
      sent: () => {
        for (const outcome of outcomes) if ('begin' in outcome) outcome.begin();
      },
    };
  }

  private async tryJoin(connection: Connection, request: JoinPayload | ProtocolError): Promise<Joined | JoinRefusal> {
    try {
      if (request instanceof ProtocolError) throw request;
      return await this.joinOne(connection, request);
    } catch (failure) {
      const error = failureOf(failure, this.logger);
      connection.countError(error, { action: 'join', ...(failure instanceof ProtocolError ? failure.note : {}) });
      // What is no name of a room is not sent back.
      return request instanceof ProtocolError ? { error } : { room: request.room, error };
    }
  }

  /** Replaying is reading history: it takes that grant besides the one to join. */
  private async recover(connection: Connection, room: string, from: Position | 'last'): Promise<Joined> {
    const recovery = (await this.access.allows(connection.principal, 'history', room, connection))
      ? await this.recoveryFrom(connection, room, from)
      : ({ failure: 'forbidden' } as const);
    return this.joining.admit(connection, room, { recovery });
  }

  private async recoveryFrom(connection: Connection, room: string, from: Position | 'last'): Promise<Recovery> {
    if (from !== LAST_ACKNOWLEDGED) return { position: from };
    const position = await this.broker.acknowledged(room, connection.userId);
    return position === undefined ? { failure: 'expired' } : { position };
  }

  private answerPresence(connection: Connection, room: string, found: MaybePromise<ClusterRoom>): MaybePromise<Reply> {
    if (found instanceof Promise) return found.then((answer) => this.answerPresence(connection, room, answer));
    const { size, members, partial } = found;
    return {
      ...reply('presence', { room, size, members, ...(partial ? { partial } : {}) }),
      sent: () => {
        // Who is missing in a part of the list says nothing of who is not there.
        if (members.length === size) this.rooms.looked(connection, room, members);
      },
    };
  }
}

function replyOf(joined: Joined): Reply {
  return {
    event: 'room:joined',
    get data() {
      return joined.payload;
    },
    sent: joined.begin,
  };
}

/** True for the rooms that the server puts every connection in. */
function isOwn(connection: Connection, room: string): boolean {
  return isReservedRoom(room) && (room === EVERYBODY || room === userRoom(connection.userId));
}
