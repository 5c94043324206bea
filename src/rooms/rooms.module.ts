import { Module } from '@nestjs/common';

import { CatchUp } from './catch-up.js';
import { RoomIntake } from './room-intake.js';
import { RoomsService } from './rooms.service.js';
import { SlowMembers } from './slow-members.js';

/** Who is in which room, and the way of messages to them. */
@Module({
  providers: [CatchUp, RoomIntake, RoomsService, SlowMembers],
  exports: [RoomsService],
})
export class RoomsModule {}
