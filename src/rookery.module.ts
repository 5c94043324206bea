import { Module, type DynamicModule } from '@nestjs/common';
import { EventEmitterModule } from '@nestjs/event-emitter';

import { AuthModule, type AuthOverrides } from './auth/auth.module.js';
import { ClusterModule } from './cluster/cluster.module.js';
import { BrokerModule, type BrokerOverrides } from './broker/broker.module.js';
import { RookeryConfigModule, type RookeryAsyncOptions } from './config/config.module.js';
import type { RookeryOptionsInput } from './config/rookery.options.js';
import { ConnectionsModule } from './connections/connections.module.js';
import { MessagingModule } from './messaging/messaging.module.js';
import { CallLog } from './rest/call-log.js';
import { RoomsModule } from './rooms/rooms.module.js';
import { TelemetryModule } from './telemetry/telemetry.module.js';

/** What an application can put in place of Rookery's own, and the modules whose providers that needs. */
export type RookeryOverrides = AuthOverrides & BrokerOverrides;

/**
 * Rooms over WebSocket, for a Nest application. The application also hands its server to the adapter.
 *
 * @example
 * @Module({ imports: [RookeryModule.forRoot({ jwtSecret: process.env.JWT_SECRET })] })
 * class AppModule {}
 *
 * const app = await NestFactory.create(AppModule);
 * app.useWebSocketAdapter(new RookeryAdapter(app));
 * app.enableShutdownHooks();
 * await app.listen(3000);
 */
@Module({})
export class RookeryModule {
  /** @throws SettingsError at start, naming every setting that is wrong */
  static forRoot(options: RookeryOptionsInput = {}, overrides: RookeryOverrides = {}): DynamicModule {
    return assemble(RookeryConfigModule.forRoot(options), overrides);
  }

  /** For options that another provider has. */
  static forRootAsync(options: RookeryAsyncOptions, overrides: RookeryOverrides = {}): DynamicModule {
    return assemble(RookeryConfigModule.forRootAsync(options), overrides);
  }
}

function assemble(config: DynamicModule, overrides: RookeryOverrides): DynamicModule {
  // Each floor imports those below it. One object each: Nest takes two equal ones for two modules.
  const auth = AuthModule.with(overrides);
  const broker = BrokerModule.with(overrides);
  const connections: DynamicModule = { module: ConnectionsModule, imports: [auth, broker, ClusterModule] };
  const rooms: DynamicModule = { module: RoomsModule, imports: [broker, connections, ClusterModule] };
  const messaging: DynamicModule = { module: MessagingModule, imports: [auth, broker, connections, rooms] };
  return {
    module: RookeryModule,
    // Its services are for every module of the application, without importing this one again.
    global: true,
    imports: [
      config,
      TelemetryModule,
      EventEmitterModule.forRoot(),
      ClusterModule,
      auth,
      broker,
      connections,
      rooms,
      messaging,
    ],
    providers: [CallLog],
    exports: [CallLog, ClusterModule, auth, broker, connections, rooms, messaging],
  };
}
