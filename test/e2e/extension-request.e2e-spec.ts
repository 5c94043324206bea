import type { IncomingMessage } from 'node:http';

import { Injectable } from '@nestjs/common';
import { ConnectedSocket, SubscribeMessage, WebSocketGateway } from '@nestjs/websockets';
import request from 'supertest';

import type { Connection, Principal, RequestingConnection, RoomAction, RoomPolicy } from '../../src/index.js';
import { startApplication } from '../support/application.js';
import { join } from '../support/client.js';
import { tokenFor } from '../support/server.js';

const upgrade = {
  headers: { 'x-team': 'red', cookie: 'locale=de' },
  query: { device: 'phone' },
};

@WebSocketGateway()
class DevicesGateway {
  static readonly requests: IncomingMessage[] = [];

  handleConnection(connection: Connection, incoming: IncomingMessage): void {
    DevicesGateway.requests.push(incoming);
    connection.data = { team: incoming.headers['x-team'] };
  }

  @SubscribeMessage('whoami')
  whoAmI(@ConnectedSocket() { request: { headers, cookies, query, url }, address, data }: Connection): unknown {
    return { team: headers['x-team'], locale: cookies['locale'], device: query.get('device'), url, address, data };
  }
}

/** Lets a team into its rooms, by a header that the proxy in front sets. */
@Injectable()
class HeaderPolicy implements RoomPolicy {
  static readonly asked: unknown[] = [];

  allows(_principal: Principal, action: RoomAction, room: string, connection?: RequestingConnection): boolean {
    HeaderPolicy.asked.push([action, connection?.request.headers['x-team'], connection?.data]);
    return connection === undefined || room === connection.request.headers['x-team'];
  }
}

describe('the upgrade request', () => {
  it('A gateway sees the request in handleConnection, and headers, cookies and query in every message', async () => {
    const server = await startApplication({ providers: [DevicesGateway] });
    const client = await join(server, upgrade);
    expect(DevicesGateway.requests.at(-1)?.headers).toMatchObject(upgrade.headers);
    expect((await client.request('whoami')).payload).toEqual({
      team: 'red',
      locale: 'de',
      device: 'phone',
      // The token is not kept.
      url: '/ws?device=phone',
      address: '127.0.0.1',
      data: { team: 'red' },
    });
  });

  it('A policy sees the connection that asks for join, publish, presence, history and recovery, and none for REST', async () => {
    const server = await startApplication({ providers: [DevicesGateway], overrides: { roomPolicy: HeaderPolicy } });
    HeaderPolicy.asked.length = 0;
    const client = await join(server, upgrade);
    const joined = await client.request('join', { room: 'red', recover: { epoch: 'x', offset: 0 } });
    expect(joined.type).toBe('room:joined');
    expect(await client.request('join', 'blue')).toMatchObject({ type: 'error', payload: { code: 'FORBIDDEN' } });
    for (const [type, payload] of [
      ['room:message', { room: 'red', data: 1 }],
      ['presence', 'red'],
      ['history', { room: 'red' }],
    ] as const) {
      expect((await client.request(type, payload)).type).not.toBe('error');
    }
    await request(server.http)
      .post('/api/rooms/blue/messages')
      .set('Authorization', `Bearer ${tokenFor()}`)
      .send({ data: 1 })
      .expect(200);
    const seen = { team: 'red' };
    expect(HeaderPolicy.asked).toEqual([
      ['join', 'red', seen],
      ['history', 'red', seen],
      ['join', 'red', seen],
      ['publish', 'red', seen],
      ['presence', 'red', seen],
      ['history', 'red', seen],
      ['publish', undefined, undefined],
    ]);
  });
});
