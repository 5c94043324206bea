import { Injectable } from '@nestjs/common';

import type { Publication } from '../broker/publication.js';
import { ConnectionsService } from '../connections/connections.service.js';
import { Turn } from '../connections/turn.js';
import { Telemetry } from '../telemetry/telemetry.js';
import { fanOut } from './fan-out.js';
import { MembershipRegistry } from './membership-registry.js';
import type { Membership, Room, RoomContext } from './room.js';
import { SlowMembers } from './slow-members.js';

const NOBODY: readonly Membership[] = [];

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
    const senders = room.behaviour.echo ? NOBODY : this.sendersOf(room, run);
    if (room.away.size > 0) this.slowMembers.pass(room, run);
    this.telemetry.deliveries += room.live.length * run.length - senders.length;
    const refused = fanOut(room, run, senders);
    if (refused.length > 0) this.slowMembers.detach(room, refused, run);
  }

  /** The live members that published some of the run, once for each message: they do not get it back. */
  private sendersOf(room: Room, run: readonly Publication[]): Membership[] {
    const senders: Membership[] = [];
    for (const { origin } of run) {
      const sender = origin === undefined ? undefined : this.connections.find(origin);
      const member = sender === undefined ? undefined : this.registry.find(sender, room.name);
      if (member?.isLive) senders.push(member);
    }
    return senders;
  }
}
