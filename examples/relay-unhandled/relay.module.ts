import { Inject, Injectable, Module } from '@nestjs/common';
import { OnEvent } from '@nestjs/event-emitter';

// An application imports these from 'rookery'.
import { ConnectionsService, EVERYBODY, ProtocolError, RoomPolicy, UnhandledMessageEvent } from '../../src/index.js';

/**
 * Gives a message of any type that nobody handles to everybody, its sender included, just as it came. It asks for the
 * grant to publish to `@all`, and reaches the connections of this node.
 */
@Injectable()
export class Relay {
  constructor(
    private readonly connections: ConnectionsService,
    @Inject(RoomPolicy) private readonly policy: RoomPolicy,
  ) {}

  @OnEvent('message.unhandled', { suppressErrors: false })
  async relay(message: UnhandledMessageEvent): Promise<void> {
    const { connection, type, payload } = message;
    if (await this.policy.allows(connection.principal, 'publish', EVERYBODY)) {
      for (const receiver of this.connections.all()) receiver.send(type, payload);
    } else {
      message.reply('error', new ProtocolError('FORBIDDEN').toPayload());
    }
  }
}

@Module({ providers: [Relay] })
export class RelayModule {}
