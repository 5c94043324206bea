import { Module } from '@nestjs/common';

import { ConnectionsController } from './connections.controller.js';
import { RoomsController } from './rooms.controller.js';

/** The operators' REST. */
@Module({ controllers: [ConnectionsController, RoomsController] })
export class AdminModule {}
