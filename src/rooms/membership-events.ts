import { Injectable } from '@nestjs/common';

import type { Connection } from '../connections/connection.js';
import { Lifecycle } from '../connections/lifecycle.js';
import { isReservedRoom } from '../protocol/room-name.js';
import { Presence } from './presence.js';
import type { Membership } from './room.js';

/** Payload of `room.joined` and `room.left`. */
export interface RoomMembershipEvent {
  readonly room: string;
  readonly connection: Connection;
}

/** Tells the other members, and the application, who comes and goes. */
@Injectable()
export class MembershipEvents {
  constructor(
    private readonly presence: Presence,
    private readonly lifecycle: Lifecycle,
  ) {}

  /** To be called when the member is in its place: what a handler publishes is the newcomer's, too. */
  joined(member: Membership): void {
    this.presence.joined(member);
    this.tell('room.joined', member);
  }

  left(member: Membership): void {
    this.presence.left(member);
    this.tell('room.left', member);
  }

  private tell(event: 'room.joined' | 'room.left', { room, connection }: Membership): void {
    if (isReservedRoom(room.name) || !this.lifecycle.isHeard(event)) return;
    const payload: RoomMembershipEvent = { room: room.name, connection };
    void this.lifecycle.emit(event, payload);
  }
}
