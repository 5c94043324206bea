import type { Socket } from 'node:net';

import { ModulesContainer } from '@nestjs/core';
import { EventEmitter2 } from '@nestjs/event-emitter';

import { GrantTemplate } from '../../src/auth/grants.js';
import { UpgradeRequest } from '../../src/auth/upgrade-request.js';
import type { Broker } from '../../src/broker/broker.js';
import { LocalCluster } from '../../src/cluster/local.cluster.js';
import { resolveOptions } from '../../src/config/resolve-options.js';
import { RoomRules } from '../../src/config/room-rules.js';
import type { RookeryOptionsInput } from '../../src/config/rookery.options.js';
import { Connection } from '../../src/connections/connection.js';
import { ConnectionsService } from '../../src/connections/connections.service.js';
import { Lifecycle } from '../../src/connections/lifecycle.js';
import { TcpWriter } from '../../src/connections/tcp-writer.js';
import { Turn } from '../../src/connections/turn.js';
import { JSON_WIRE } from '../../src/connections/wire.js';
import { CatchUp } from '../../src/rooms/catch-up.js';
import { ReturnReader } from '../../src/rooms/return-reader.js';
import { Delivery } from '../../src/rooms/delivery.js';
import { Joining } from '../../src/rooms/joining.js';
import { MembershipEvents } from '../../src/rooms/membership-events.js';
import { MembershipRegistry } from '../../src/rooms/membership-registry.js';
import { Presence } from '../../src/rooms/presence.js';
import { RoomDirectory } from '../../src/rooms/room-directory.js';
import { RoomIntake } from '../../src/rooms/room-intake.js';
import { RoomsService } from '../../src/rooms/rooms.service.js';
import { SlowMembers } from '../../src/rooms/slow-members.js';
import { Journal } from '../../src/telemetry/journal.js';
import { Telemetry } from '../../src/telemetry/telemetry.js';
import { FakeSocket, fakeWebSocket } from './fake-socket.js';

/** The rooms of a node, on the broker of the test and sockets that are not there. */
export class SimulatedNode<B extends Broker = Broker> {
  readonly telemetry = new Telemetry();
  readonly connections = new ConnectionsService();
  readonly rooms: RoomsService;
  readonly joining: Joining;
  readonly broker: B;
  private readonly turn: Turn;
  private readonly bound: number;

  constructor(
    input: RookeryOptionsInput,
    makeBroker: (options: ReturnType<typeof resolveOptions>, rules: RoomRules) => B,
  ) {
    const options = resolveOptions({ nodeEnv: 'test', ...input });
    const rules = new RoomRules(options);
    const { telemetry, connections } = this;
    this.broker = makeBroker(options, rules);
    this.bound = options.outboxBytes;
    this.turn = new Turn(options, telemetry);
    const lifecycle = new Lifecycle(new EventEmitter2(), new ModulesContainer());
    const registry = new MembershipRegistry();
    const intake = new RoomIntake(this.broker, telemetry);
    const reader = new ReturnReader(this.broker);
    const catchUp = new CatchUp(reader, intake, telemetry);
    const slowMembers = new SlowMembers(options, catchUp, telemetry);
    const delivery = new Delivery(this.turn, connections, registry, slowMembers, telemetry);
    const directory = new RoomDirectory(rules, this.broker, intake, delivery, lifecycle);
    const presence = new Presence(options, new LocalCluster(), telemetry);
    const events = new MembershipEvents(presence, lifecycle);
    this.joining = new Joining(options, reader, directory, registry, catchUp, events, telemetry);
    this.rooms = new RoomsService(connections, directory, registry, this.joining, presence, events);
    directory.onModuleInit();
    this.rooms.onModuleInit();
  }

  /** A new connection; what its other side reads goes to `onBytes`. */
  async open(
    userId: string,
    onBytes: (bytes: Buffer) => void,
  ): Promise<{ connection: Connection; socket: FakeSocket }> {
    const socket = new FakeSocket(onBytes);
    const connection = new Connection(
      fakeWebSocket(socket),
      socket as unknown as Socket,
      {
        principal: { userId, admin: false, grants: new GrantTemplate(['*']).for(userId) },
        address: '127.0.0.1',
        request: new UpgradeRequest({ url: '/ws', rawHeaders: [] }),
        wire: JSON_WIRE,
      },
      {
        turn: this.turn,
        writer: new TcpWriter(undefined),
        telemetry: this.telemetry,
        journal: new Journal(this.telemetry),
        bound: this.bound,
        rate: { burst: 1, perSecond: 0 },
        offences: { burst: 1, perSecond: 0 },
      },
    );
    await this.connections.opened(connection);
    return { connection, socket };
  }

  close(connection: Connection, socket: FakeSocket): void {
    connection.closing = true;
    socket.cut();
    this.connections.closed(connection);
  }
}
