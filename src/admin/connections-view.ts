import { Inject, Injectable, type OnModuleInit } from '@nestjs/common';

import { Cluster } from '../cluster/cluster.js';
import type { Connection } from '../connections/connection.js';
import { ConnectionsService } from '../connections/connections.service.js';
import { RoomsService } from '../rooms/rooms.service.js';
import type { ConnectionAnswer } from './admin.dto.js';

const DESCRIBE = 'admin:connection';

/** What was found, and whether a node was silent that may have more. */
export interface FoundConnection {
  readonly connection: ConnectionAnswer | undefined;
  readonly partial: boolean;
}

/** Connections as operators see them, on whichever node they are. */
@Injectable()
export class ConnectionsView implements OnModuleInit {
  constructor(
    private readonly connections: ConnectionsService,
    private readonly rooms: RoomsService,
    @Inject(Cluster) private readonly cluster: Cluster,
  ) {}

  onModuleInit(): void {
    this.cluster.on(DESCRIBE, (id) => this.own(String(id)) ?? null);
  }

  async find(id: string): Promise<FoundConnection> {
    const own = this.own(id);
    if (own !== undefined) return { connection: own, partial: false };
    const { answers, partial } = await this.cluster.ask(DESCRIBE, id);
    const found = answers.find(({ answer }) => answer !== null);
    return { connection: found?.answer as ConnectionAnswer | undefined, partial };
  }

  describe(connection: Connection): ConnectionAnswer {
    const { id, userId, address, openedAt, outbox } = connection;
    return {
      clientId: id,
      userId,
      node: this.cluster.nodeId,
      address,
      openedAt: new Date(openedAt).toISOString(),
      rooms: this.rooms.roomsOf(connection),
      outboxBytes: outbox.backlog,
    };
  }

  private own(id: string): ConnectionAnswer | undefined {
    const connection = this.connections.find(id);
    return connection && this.describe(connection);
  }
}
