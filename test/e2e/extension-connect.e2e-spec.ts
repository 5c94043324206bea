import type { Type } from '@nestjs/common';
import { OnEvent } from '@nestjs/event-emitter';
import {
  SubscribeMessage,
  WebSocketGateway,
  type OnGatewayConnection,
  type OnGatewayDisconnect,
} from '@nestjs/websockets';

import {
  ConnectionsService,
  MemoryBroker,
  RoomsService,
  type Connection,
  type ConnectionClosedEvent,
  type ConnectionOpenedEvent,
} from '../../src/index.js';
import { startApplication, type TestApplication } from '../support/application.js';
import type { TestClient } from '../support/client.js';
import { eventually } from '../support/eventually.js';
import { LaterBroker } from '../support/later.broker.js';
import { plainClient } from '../support/plain-client.js';
import { tokenFor } from '../support/server.js';

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Looks up who has connected, as applications do in a database, and keeps what it finds on the connection. */
@WebSocketGateway()
class ProfilesGateway implements OnGatewayConnection<Connection>, OnGatewayDisconnect<Connection> {
  readonly calls: string[] = [];

  async handleConnection(connection: Connection): Promise<void> {
    this.calls.push('connect');
    await pause(30);
    connection.data = { profile: `of ${connection.userId}` };
    this.calls.push('connected');
  }

  handleDisconnect(): void {
    this.calls.push('disconnect');
  }

  @SubscribeMessage('profile')
  profile(connection: Connection): unknown {
    this.calls.push('message');
    return connection.data;
  }
}

class Events {
  readonly calls: string[] = [];

  @OnEvent('connection.opened')
  async opened({ connection }: ConnectionOpenedEvent): Promise<void> {
    this.calls.push('opening');
    await pause(30);
    connection.send('hello');
    this.calls.push('opened');
  }

  @OnEvent('connection.closed')
  closed({ code }: ConnectionClosedEvent): void {
    this.calls.push(`closed ${code}`);
  }
}

const brokers = [
  ['at once', MemoryBroker],
  ['later', LaterBroker],
] as const;

/** Does not wait to be greeted before it speaks. */
const connectAtOnce = ({ ws }: TestApplication): Promise<TestClient> => plainClient(`${ws}?token=${tokenFor()}`);

describe.each(brokers)('with a broker that answers %s', (_when, broker) => {
  const start = (...providers: Type[]): Promise<TestApplication> =>
    startApplication({ providers, overrides: { broker } });

  it('an async handleConnection is done before the first message', async () => {
    const server = await start(ProfilesGateway);
    const client = await connectAtOnce(server);
    client.send('profile', undefined, 'first');
    client.send('join', 'general', 'second');
    const types = [];
    for (let n = 0; n < 3; n += 1) types.push((await client.nextWhere(() => true)).type);
    expect(types).toEqual(['connected', 'ack', 'room:joined']);
    expect(server.app.get(ProfilesGateway).calls).toEqual(['connect', 'connected', 'message']);
  });

  it('an async handler of connection.opened is done before the first message', async () => {
    const server = await start(Events);
    const client = await connectAtOnce(server);
    client.send('join', 'general', 'first');
    const types = [];
    for (let n = 0; n < 3; n += 1) types.push((await client.nextWhere(() => true)).type);
    expect(types).toEqual(['connected', 'hello', 'room:joined']);
    expect(server.app.get(Events).calls).toEqual(['opening', 'opened']);
  });

  it('what handleConnection notes on a connection is there for its messages', async () => {
    const client = await connectAtOnce(await start(ProfilesGateway));
    expect(await client.request('profile')).toMatchObject({ type: 'ack', payload: { profile: 'of alice' } });
  });

  it('a client that goes at once is told of in order, or not at all', async () => {
    const server = await start(ProfilesGateway, Events);
    for (let n = 0; n < 10; n += 1) {
      const client = await connectAtOnce(server);
      if (n % 2 === 0) client.socket.terminate();
      else await pause(n);
      client.socket.terminate();
      await client.closed;
    }
    await eventually(
      () => server.app.get(ConnectionsService).count(),
      (count) => count === 0,
    );
    // What is on its way has arrived when a later connection has come and gone.
    const last = await connectAtOnce(server);
    await last.request('profile');
    await last.close();
    const { calls } = server.app.get(ProfilesGateway);
    const count = (call: string): number => calls.filter((entry) => entry === call).length;
    await eventually(
      () => [count('connect'), count('disconnect')],
      ([connects, disconnects]) => connects === disconnects,
    );
    expect(server.app.get(RoomsService).count()).toBe(0);

    const events = server.app.get(Events).calls.filter((call) => call !== 'opened');
    for (let at = 0; at < events.length; at += 2) {
      expect(events.slice(at, at + 2)).toEqual(['opening', expect.stringMatching(/^closed /)]);
    }
    expect(events.length).toBe(2 * count('connect'));
  });
});
