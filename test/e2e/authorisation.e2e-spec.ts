import { Injectable } from '@nestjs/common';

import type { RoomAction } from '../../src/auth/grants.js';
import type { Principal } from '../../src/auth/principal.js';
import type { RoomPolicy } from '../../src/auth/room-policy.js';
import { startApplication } from '../support/application.js';
import { join, type Frame, type TestClient } from '../support/client.js';
import { startServer } from '../support/server.js';

/** What a client may do in a room, asked one by one. */
async function allowed(client: TestClient, room: string): Promise<Record<RoomAction, boolean>> {
  const ask = async (type: string, payload: unknown): Promise<boolean> =>
    isAllowed(await client.request(type, payload));
  return {
    join: await ask('join', room),
    publish: await ask('room:message', { room, data: 1 }),
    presence: await ask('presence', room),
    history: await ask('history', { room }),
  };
}

function isAllowed({ type, payload }: Frame): boolean {
  if (type === 'error') expect(payload.code).toBe('FORBIDDEN');
  return type !== 'error';
}

const NOTHING = { join: false, publish: false, presence: false, history: false };
const EVERYTHING = { join: true, publish: true, presence: true, history: true };

describe('grants', () => {
  it.each(['join', 'publish', 'presence', 'history'] as const)('count one by one: %s alone', async (action) => {
    const server = await startServer();
    const client = await join(server, { claims: { rooms: [{ pattern: 'team:*', can: [action] }] } });

    expect(await allowed(client, 'team:red')).toEqual({ ...NOTHING, [action]: true });
    expect(await allowed(client, 'other')).toEqual(NOTHING);
  });

  it('fit by pattern, with the user filled in', async () => {
    const server = await startServer();
    const client = await join(server, { claims: { rooms: ['team:{sub}:*'] } });

    expect(await allowed(client, 'team:alice:chat')).toEqual(EVERYTHING);
    expect(await allowed(client, 'team:bob:chat')).toEqual(NOTHING);
    expect(await allowed(client, 'team:{sub}:chat')).toEqual(NOTHING);
  });

  it('of scope admin are all of them, everywhere', async () => {
    const server = await startServer();
    const client = await join(server, { claims: { rooms: [], scope: 'admin' } });

    expect(await allowed(client, 'anything')).toEqual(EVERYTHING);
    expect((await client.request('broadcast', { data: 1 })).type).toBe('ack');
  });

  it('are none in production unless the token or the settings bring some', async () => {
    const bare = await startServer({ nodeEnv: 'production' });
    const granting = await startServer({ nodeEnv: 'production', defaultGrants: ['lobby'] });

    expect(await allowed(await join(bare), 'lobby')).toEqual(NOTHING);
    const client = await join(granting);
    expect(await allowed(client, 'lobby')).toEqual(EVERYTHING);
    expect(await allowed(client, 'elsewhere')).toEqual(NOTHING);
  });

  it('do not reach reserved rooms by a star', async () => {
    const server = await startServer();
    const client = await join(server, { claims: { rooms: ['*'] } });

    expect((await client.request('broadcast', { data: 1 })).payload.code).toBe('FORBIDDEN');
    expect((await client.request('room:message', { room: '@all', data: 1 })).payload.code).toBe('FORBIDDEN');
    expect((await client.request('user:message', { userId: 'bob', data: 1 })).payload.code).toBe('FORBIDDEN');
    expect((await client.request('join', '@user:bob')).payload.code).toBe('FORBIDDEN');
    expect((await client.request('history', { room: '@user:bob' })).payload.code).toBe('FORBIDDEN');
    expect((await client.request('presence', '@all')).payload.code).toBe('FORBIDDEN');
  });

  it('reach reserved rooms by name', async () => {
    const server = await startServer();
    const rooms = ['@all', { pattern: '@user:*', can: ['publish'] }];
    const client = await join(server, { claims: { rooms } });
    const bob = await join(server, { claims: { sub: 'bob', rooms: [] } });
    expect((await client.request('user:message', { userId: 'bob', data: 'hello' })).type).toBe('ack');
    expect((await client.request('broadcast', { data: 'everybody' })).type).toBe('ack');

    expect((await bob.next('user:message')).payload).toMatchObject({ data: 'hello', from: 'alice' });
    expect((await bob.next('broadcast')).payload).toMatchObject({ data: 'everybody', from: 'alice' });
    expect((await client.request('join', '@user:bob')).payload.code).toBe('FORBIDDEN');
  });
});

describe('a foreign room', () => {
  it('and one that does not exist answer alike', async () => {
    const server = await startServer();
    await join(server, { claims: { sub: 'bob' } }, 'secret');
    const client = await join(server, { claims: { rooms: ['mine'] } });
    const requests: [string, (room: string) => unknown][] = [
      ['join', (room) => room],
      ['join', (room) => ({ room, recover: { epoch: 'x', offset: 1 } })],
      ['presence', (room) => room],
      ['history', (room) => ({ room })],
      ['room:message', (room) => ({ room, data: 1 })],
      ['leave', (room) => room],
    ];
    for (const [type, payloadFor] of requests) {
      const foreign = await client.request(type, payloadFor('secret'));
      const missing = await client.request(type, payloadFor('nosuch'));

      expect([foreign.type, withoutRoom(foreign)]).toEqual([missing.type, withoutRoom(missing)]);
    }
  });
});

function withoutRoom({ payload }: Frame): object {
  return { ...(payload as object), room: undefined };
}

describe('a room policy of the application', () => {
  it('decides in its own time, without holding up other connections, and in order', async () => {
    const undecided: ((allowed: boolean) => void)[] = [];

    @Injectable()
    class SlowPolicy implements RoomPolicy {
      allows({ userId }: Principal): boolean | Promise<boolean> {
        return userId === 'alice' ? new Promise((resolve) => undecided.push(resolve)) : true;
      }
    }
    const server = await startApplication({ overrides: { roomPolicy: SlowPolicy } });
    const alice = await join(server);
    const bob = await join(server, { claims: { sub: 'bob' } }, 'general');
    const joining = alice.request('join', 'general');
    const pinging = alice.request('ping');
    await bob.settle();
    expect(undecided).toHaveLength(1);
    expect(alice.queue).toEqual([]);
    for (const decide of undecided) decide(true);

    expect((await joining).type).toBe('room:joined');
    expect((await pinging).type).toBe('pong');
  });

  it.each([
    ['throws', () => fail()],
    ['rejects', () => Promise.reject(new Error('the directory is down'))],
  ])('that %s refuses, is logged, and harms nothing', async (_how, decide) => {
    @Injectable()
    class FailingPolicy implements RoomPolicy {
      allows(_principal: Principal, _action: RoomAction, room: string): boolean | Promise<boolean> {
        return room === 'good' || decide();
      }
    }
    const server = await startApplication({ overrides: { roomPolicy: FailingPolicy } });
    const client = await join(server);

    expect(await allowed(client, 'bad')).toEqual(NOTHING);
    expect(await allowed(client, 'good')).toEqual(EVERYTHING);
    expect(server.log.errors).toHaveLength(4);
    expect(server.log.errors[0]).toContain('the directory is down');
  });
});

function fail(): never {
  throw new Error('the directory is down');
}
