export { RookeryModule, type RookeryOverrides } from './rookery.module.js';
export { RookeryAdapter } from './connections/rookery.adapter.js';
export { AdminModule } from './admin/admin.module.js';
export { HealthModule } from './health/health.module.js';
export { MetricsModule } from './metrics/metrics.module.js';

export type { GrantEntry } from './config/access.options.js';
export { RookeryOptions, type RookeryOptionsInput } from './config/rookery.options.js';
export { EnvironmentError, optionsFromEnvironment } from './config/environment.js';
export { SettingsError } from './config/resolve-options.js';
export { StartError } from './config/start-error.js';
export type { Overflow, Publishers, RoomBehaviour, RoomRule } from './config/room-rule.js';
export { RoomRules } from './config/room-rules.js';

export { Grants, GrantTemplate, type RoomAction } from './auth/grants.js';
export type { Principal } from './auth/principal.js';
export { GrantsRoomPolicy, RoomPolicy, type RequestingConnection } from './auth/room-policy.js';
export { Revocations } from './auth/revocations.js';
export { TokenIssuer, type TokenRequest } from './auth/token-issuer.js';
export { UpgradeRequest } from './auth/upgrade-request.js';
export { TokenError, TokenUnavailableError, TokenVerifier, type TokenErrorDetails } from './auth/token-verifier.js';
export type { TokenFault } from './telemetry/refusal-label.js';

export {
  Broker,
  BrokerUnavailableError,
  type BrokerListener,
  type HistoryPage,
  type MaybePromise,
  type PageLimit,
} from './broker/broker.js';
export { RedisBroker } from './broker/redis/redis.broker.js';
export { MemoryBroker } from './broker/memory.broker.js';
export type { NumberedPublication, Publication, PublishRequest, PublishResult } from './broker/publication.js';

export { Cluster, type Answers, type NodeListener } from './cluster/cluster.js';
export { ClusterConnections, type ClusterCount } from './connections/cluster-connections.js';
export type { Connection } from './connections/connection.js';
export type { ConnectionClosedEvent, ConnectionOpenedEvent } from './connections/connection-opener.js';
export { ConnectionsService } from './connections/connections.service.js';

export type { RoomOccupancyEvent } from './rooms/room-directory.js';
export { ClusterRooms, type ClusterRoom } from './rooms/cluster-rooms.js';
export type { RoomMembershipEvent } from './rooms/membership-events.js';
export { RoomsService } from './rooms/rooms.service.js';

export { RoomAccess } from './messaging/room-access.js';
export { MessagingService, type PublishOptions } from './messaging/messaging.service.js';
export { UnhandledMessageEvent } from './messaging/unhandled.service.js';

export { CallLog } from './rest/call-log.js';
export { EnvelopeExceptionFilter } from './rest/envelope-exception.filter.js';
export { PayloadValidationPipe } from './rest/payload-validation.pipe.js';
export { RestErrorFilter } from './rest/rest-error.filter.js';
export { AdminOnly, Caller, RestGuard } from './rest/rest.guard.js';

export * from './protocol/index.js';
