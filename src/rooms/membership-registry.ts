import { Injectable } from '@nestjs/common';

import type { Connection } from '../connections/connection.js';
import type { Membership } from './room.js';

/** Which rooms each connection is in. */
@Injectable()
export class MembershipRegistry {
  private readonly byConnection = new Map<Connection, Map<string, Membership>>();

  find(connection: Connection, room: string): Membership | undefined {
    return this.byConnection.get(connection)?.get(room);
  }

  roomsOf(connection: Connection): string[] {
    return [...(this.byConnection.get(connection)?.keys() ?? [])];
  }

  add(member: Membership): void {
    const { connection, room } = member;
    const memberships = this.byConnection.get(connection);
    if (memberships === undefined) this.byConnection.set(connection, new Map([[room.name, member]]));
    else memberships.set(room.name, member);
  }

  delete({ connection, room }: Membership): void {
    this.byConnection.get(connection)?.delete(room.name);
  }

  /** Forgets the connection, and returns what it was in. */
  deleteAll(connection: Connection): Membership[] {
    const memberships = [...(this.byConnection.get(connection)?.values() ?? [])];
    this.byConnection.delete(connection);
    return memberships;
  }
}
