import { Injectable } from '@nestjs/common';

import type { RoomAction } from './grants.js';
import type { Principal } from './principal.js';
import type { UpgradeRequest } from './upgrade-request.js';

/** The connection that a request came over, as far as a policy is concerned. */
export interface RequestingConnection {
  readonly id: string;
  /** Address of the client; behind a trusted proxy the one that it names. */
  readonly address: string;
  /** The request by which the client connected: headers, cookies, query. */
  readonly request: UpgradeRequest;
  /** The application's own notes on the connection. */
  readonly data: unknown;
}

/**
 * Decides who may do what in which room. It is asked for each join, publish, presence and history request, and again
 * before the first replayed message of a recovery. The server joins every connection to `@all` and to the user's own
 * room, `@user:<id>`, without asking; it asks for everything else in these rooms: publishing (`broadcast`,
 * `user:message`), presence and history.
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
  /** @param connection undefined for a call over REST */
  allows(
    principal: Principal,
    action: RoomAction,
    room: string,
    connection?: RequestingConnection,
  ): boolean | Promise<boolean>;
}
export const RoomPolicy = Symbol('RoomPolicy');

/** What the token says. */
@Injectable()
export class GrantsRoomPolicy implements RoomPolicy {
  allows({ admin, grants }: Principal, action: RoomAction, room: string): boolean {
    return admin || grants.allows(action, room);
  }
}
