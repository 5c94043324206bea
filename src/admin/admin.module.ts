import { Module } from '@nestjs/common';

import { ConnectionsView } from './connections-view.js';
import { ConnectionsController } from './connections.controller.js';
import { RoomsController } from './rooms.controller.js';
import { TokensController } from './tokens.controller.js';
import { UsersController } from './users.controller.js';

/** The operators' REST. */
@Module({
  controllers: [ConnectionsController, RoomsController, TokensController, UsersController],
  providers: [ConnectionsView],
})
export class AdminModule {}
