import { Injectable, type OnModuleInit } from '@nestjs/common';

import { Authenticator, refusalOf } from '../auth/authenticator.js';
import { RookeryOptions } from '../config/rookery.options.js';
import type { Connection } from '../connections/connection.js';
import { ConnectionsService } from '../connections/connections.service.js';
import { reply, type Reply } from '../connections/reply.js';
import { TokenClock } from '../connections/token-clock.js';
import { ProtocolError } from '../protocol/errors.js';
import type { JoinedPayload } from '../protocol/messages.js';
import { EVERYBODY, userRoom } from '../protocol/room-name.js';
import { Joining, type Joined } from '../rooms/joining.js';
import { MembershipService } from './membership.service.js';

/** The beginning of a connection and the renewal of its token. */
@Injectable()
export class SessionService implements OnModuleInit {
  constructor(
    private readonly options: RookeryOptions,
    private readonly connections: ConnectionsService,
    private readonly joining: Joining,
    private readonly memberships: MembershipService,
    private readonly tokens: TokenClock,
    private readonly authenticator: Authenticator,
  ) {}

  onModuleInit(): void {
    this.connections.onOpened((connection) => this.welcome(connection));
  }

  /** Puts the connection into everybody's room and its user's, and tells it where it stands. */
  private welcome(connection: Connection): void | Promise<void> {
    const { recover } = connection;
    connection.recover = undefined;
    const joins = [EVERYBODY, userRoom(connection.userId)].map((room) => {
      const position = recover?.get(room);
      return this.joining.admit(connection, room, position === undefined ? {} : { recovery: { position } });
    });
    if (joins.some((join) => join instanceof Promise)) {
      return Promise.all(joins.map(async (join) => join)).then((joined) => this.greet(connection, joined));
    }
    return this.greet(connection, joins as Joined[]);
  }

  private greet(connection: Connection, joined: readonly Joined[]): void {
    const { heartbeatIntervalMs, maxMessageBytes, rateLimit, rateBurst } = this.options;
    const { expiresAt } = connection.principal;
    connection.send('connected', {
      clientId: connection.id,
      userId: connection.userId,
      heartbeatMs: heartbeatIntervalMs,
      maxMessageBytes,
      ...(rateLimit === 0 ? {} : { rate: { perSecond: rateLimit, burst: rateBurst } }),
      ...(expiresAt === undefined ? {} : { expiresAt }),
      rooms: joined.map(({ payload }): JoinedPayload => payload),
    });
    for (const { begin } of joined) begin();
  }

  /** Takes a new token for a living connection: of the same user, and with the grants that it brings. */
  async refresh(connection: Connection, token: string): Promise<Reply> {
    const principal = await this.verify(token);
    if (principal.userId !== connection.userId) {
      throw new ProtocolError('TOKEN_INVALID', undefined, 'The token is another user’s');
    }
    connection.principal = principal;
    this.tokens.watch(connection);
    await this.memberships.reconsider(connection);
    return reply('auth:refreshed', principal.expiresAt === undefined ? {} : { expiresAt: principal.expiresAt });
  }

  private async verify(token: string) {
    try {
      return await this.authenticator.verify(token);
    } catch (error) {
      throw refusalOf(error);
    }
  }
}
