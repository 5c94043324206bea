import { Injectable } from '@nestjs/common';

import type { RoomAction } from './grants.js';
import type { Principal } from './principal.js';

/**
 * Decides who may do what in which room. It is asked for each join, publish, presence and history request, and again
 * before the first replayed message of a recovery; it is never asked about `@all` and a user's own room, which the
 * server joins by itself.
 *
 * Provide your own by `RookeryModule.forRoot(options, { roomPolicy: MyPolicy })`. An answer that is late holds up the
 * connection that asked, and no other; one that throws refuses, and is logged.
 *
 * @example
 * class TenantPolicy implements RoomPolicy {
 *   constructor(private readonly teams: TeamsService) {}
 *   allows({ userId }: Principal, action: RoomAction, room: string) {
 *     return this.teams.isMember(userId, room);
 *   }
 * }
 */
export interface RoomPolicy {
  allows(principal: Principal, action: RoomAction, room: string): boolean | Promise<boolean>;
}
export const RoomPolicy = Symbol('RoomPolicy');

/** What the token says. */
@Injectable()
export class GrantsRoomPolicy implements RoomPolicy {
  allows({ admin, grants }: Principal, action: RoomAction, room: string): boolean {
    return admin || grants.allows(action, room);
  }
}
