import { Module, type OnModuleInit } from '@nestjs/common';
import { ApplicationConfig } from '@nestjs/core';

import { StartError } from '../config/start-error.js';
import { Admission } from './admission.js';
import { ApplicationHandlers } from './application-handlers.js';
import { ClusterConnections } from './cluster-connections.js';
import { ConnectionOpener } from './connection-opener.js';
import { ConnectionsService } from './connections.service.js';
import { Descriptors } from './descriptors.js';
import { Dispatcher } from './dispatcher.js';
import { DrainState } from './drain-state.js';
import { DrainService } from './drain.service.js';
import { Heartbeat } from './heartbeat.js';
import { Lifecycle } from './lifecycle.js';
import { MissingAdapter } from './missing.adapter.js';
import { MemoryReport } from './memory-report.js';
import { RevocationWatch } from './revocation-watch.js';
import { RookeryAdapter } from './rookery.adapter.js';
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
    Descriptors,
    Dispatcher,
    DrainState,
    DrainService,
    Heartbeat,
    Lifecycle,
    MemoryReport,
    RevocationWatch,
    { provide: TcpWriter, useFactory: () => TcpWriter.proven(provenStrategy) },
    TokenClock,
    Turn,
    UpgradeHandler,
  ],
  exports: [ClusterConnections, ConnectionsService, Dispatcher, DrainState, Lifecycle, TokenClock, Turn],
})
export class ConnectionsModule implements OnModuleInit {
  constructor(private readonly application: ApplicationConfig) {
    // At this time an application has not set its adapter yet. One without an HTTP server never does.
    application.setIoAdapter(new MissingAdapter());
  }

  async onModuleInit(): Promise<void> {
    const adapter = this.application.getIoAdapter();
    if (!(adapter instanceof RookeryAdapter || adapter instanceof MissingAdapter)) {
      throw new StartError(
        'RookeryModule is imported, but the application uses another WebSocket adapter: call app.useWebSocketAdapter(new RookeryAdapter(app)).',
      );
    }
    await checkWebSockets();
  }
}
