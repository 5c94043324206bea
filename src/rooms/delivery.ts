import { Injectable } from '@nestjs/common';

import type { Publication } from '../broker/publication.js';
import { ConnectionsService } from '../connections/connections.service.js';
import { Turn } from '../connections/turn.js';
import { Telemetry } from '../telemetry/telemetry.js';
import { fanOut } from './fan-out.js';
import { MembershipRegistry } from './membership-registry.js';
import type { Room, RoomContext } from './room.js';
import { SlowMembers } from './slow-members.js';

/** From a room's run of messages to its members. */
@Injectable()
export class Delivery implements RoomContext {
  constructor(
    private readonly turn: Turn,
    private readonly connections: ConnectionsService,
    private readonly registry: MembershipRegistry,
    private readonly slowMembers: SlowMembers,
    private readonly telemetry: Telemetry,
  ) {}

  endOfTurn(room: Room): void {
    this.turn.endWithRoom(room);
  }

  deliver(room: Room, run: readonly Publication[]): void {
    const own = room.behaviour.echo ? 0 : this.markSenders(room, run);
    if (room.away.size > 0) this.slowMembers.pass(room, run);
    this.telemetry.deliveries += room.live.length * run.length - own;
    const refused = fanOut(room.name, run, room.live);
    if (refused.length > 0) this.slowMembers.detach(room, refused, run);
  }

  /**
   * Members who published some of the run do not get all of it.
   *
   * @returns how many messages go back to nobody that sent them
   */
  private markSenders(room: Room, run: readonly Publication[]): number {
    let own = 0;
    for (const { origin } of run) {
      const sender = origin === undefined ? undefined : this.connections.find(origin);
      const member = sender === undefined ? undefined : this.registry.find(sender, room.name);
      if (!member?.isLive) continue;
      member.special = true;
      own += 1;
    }
    return own;
  }
}
