import { Injectable, type OnModuleInit } from '@nestjs/common';

import { Revocations } from '../auth/revocations.js';
import { CLOSE_CODES } from '../protocol/close-codes.js';
import type { Connection } from './connection.js';
import { ConnectionsService } from './connections.service.js';

/** Closes the connections whose tokens are revoked. */
@Injectable()
export class RevocationWatch implements OnModuleInit {
  constructor(
    private readonly connections: ConnectionsService,
    private readonly revocations: Revocations,
  ) {}

  onModuleInit(): void {
    this.revocations.onRevoked(() => {
      for (const connection of this.connections.all()) this.judge(connection);
    });
    // Between its token and its opening somebody may have revoked it.
    this.connections.onOpened((connection) => this.judge(connection));
  }

  private judge(connection: Connection): void {
    if (!connection.closing && this.revocations.isRevoked(connection.principal)) {
      connection.close(CLOSE_CODES.TOKEN_EXPIRED, 'token revoked');
    }
  }
}
