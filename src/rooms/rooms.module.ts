import { Module } from '@nestjs/common';

import { CatchUp } from './catch-up.js';
import { ClusterRooms } from './cluster-rooms.js';
import { Delivery } from './delivery.js';
import { Joining } from './joining.js';
import { MembershipEvents } from './membership-events.js';
import { MembershipRegistry } from './membership-registry.js';
import { Presence } from './presence.js';
import { ReturnReader } from './return-reader.js';
import { RoomDirectory } from './room-directory.js';
import { RoomIntake } from './room-intake.js';
import { RoomsService } from './rooms.service.js';
import { SlowMembers } from './slow-members.js';

/** Who is in which room, and the way of messages to them. */
@Module({
  providers: [
    CatchUp,
    ClusterRooms,
    Delivery,
    Joining,
    MembershipEvents,
    MembershipRegistry,
    Presence,
    ReturnReader,
    RoomDirectory,
    RoomIntake,
    RoomsService,
    SlowMembers,
  ],
  exports: [ClusterRooms, Joining, RoomsService],
})
export class RoomsModule {}
