import { Module, type OnModuleInit } from '@nestjs/common';

import { Admission } from './admission.js';
import { ApplicationHandlers } from './application-handlers.js';
import { ClusterConnections } from './cluster-connections.js';
import { ConnectionOpener } from './connection-opener.js';
import { ConnectionsService } from './connections.service.js';
import { Dispatcher } from './dispatcher.js';
import { DrainState } from './drain-state.js';
import { DrainService } from './drain.service.js';
import { Heartbeat } from './heartbeat.js';
import { Lifecycle } from './lifecycle.js';
import { RevocationWatch } from './revocation-watch.js';
import { provenStrategy } from './tcp-probe.js';
import { TcpWriter } from './tcp-writer.js';
import { TokenClock } from './token-clock.js';
import { Turn } from './turn.js';
import { UpgradeHandler } from './upgrade.js';
import { checkWebSockets } from './ws-probe.js';

/** Sockets: from the upgrade to the goodbye. */
@Module({
  providers: [
    Admission,
    ApplicationHandlers,
    ClusterConnections,
    ConnectionOpener,
    ConnectionsService,
    Dispatcher,
    DrainState,
    DrainService,
    Heartbeat,
    Lifecycle,
    RevocationWatch,
    { provide: TcpWriter, useFactory: () => TcpWriter.proven(provenStrategy) },
    TokenClock,
    Turn,
    UpgradeHandler,
  ],
  exports: [ClusterConnections, ConnectionsService, Dispatcher, DrainState, Lifecycle, TokenClock, Turn],
})
export class ConnectionsModule implements OnModuleInit {
  onModuleInit(): Promise<void> {
    return checkWebSockets();
  }
}
