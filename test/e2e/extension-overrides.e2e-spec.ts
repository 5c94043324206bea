import { runInNewContext } from 'node:vm';

import { Inject, Injectable, Module } from '@nestjs/common';
import request from 'supertest';

import {
  BrokerUnavailableError,
  Grants,
  GrantTemplate,
  HealthModule,
  MessagingService,
  TokenError,
  type Principal,
  type PublishResult,
  type RoomAction,
  type RoomPolicy,
  type TokenVerifier,
} from '../../src/index.js';
import { startApplication, type TestApplication } from '../support/application.js';
import { connect, join, RefusedError } from '../support/client.js';
import { LaterBroker } from '../support/later.broker.js';

/** Who is in which team: what an application's database would know. */
@Injectable()
class Teams {
  isMember(userId: string, team: string): Promise<boolean> {
    return Promise.resolve(team === `team:${userId}`);
  }
}

@Module({ providers: [Teams], exports: [Teams] })
class TeamsModule {}

@Injectable()
class TeamPolicy implements RoomPolicy {
  readonly asked: string[] = [];

  constructor(@Inject(Teams) private readonly teams: Teams) {}

  async allows({ userId }: Principal, action: RoomAction, room: string): Promise<boolean> {
    this.asked.push(action);
    await new Promise(setImmediate);
    return action !== 'history' && this.teams.isMember(userId, room);
  }
}

/** Holds the answer back for one user until the test lets it go. */
class HeldPolicy implements RoomPolicy {
  static release: () => void = () => undefined;

  allows({ userId }: Principal): boolean | Promise<boolean> {
    if (userId !== 'held') return true;
    return new Promise((resolve) => (HeldPolicy.release = () => resolve(true)));
  }
}

/** Takes tokens such as `opaque-alice`. */
@Injectable()
class OpaqueVerifier implements TokenVerifier {
  async verify(token: string): Promise<Principal> {
    await new Promise(setImmediate);
    const [kind, userId = ''] = token.split('-');
    if (kind !== 'opaque') throw new TokenError('Not one of ours');
    const grants = userId === 'guest' ? Grants.NONE : new GrantTemplate(['*']).for(userId);
    return { userId, admin: userId === 'root', grants };
  }
}

@Injectable()
class UnreachableBroker extends LaterBroker {
  override publish(): Promise<PublishResult> {
    return Promise.reject(new BrokerUnavailableError());
  }

  override ping(): Promise<void> {
    return Promise.reject(new BrokerUnavailableError('no route'));
  }
}

/** Promises of another realm, as libraries have their own: to be waited for, and no `Promise` of this one. */
const ForeignPromise = runInNewContext('Promise') as PromiseConstructor;

class ForeignPolicy implements RoomPolicy {
  allows(_principal: Principal, _action: RoomAction, room: string): Promise<boolean> {
    if (room === 'nothing') return undefined as unknown as Promise<boolean>;
    return ForeignPromise.resolve(
      room === 'broken' ? Promise.reject(new Error('no database')) : Promise.resolve(room === 'open'),
    );
  }
}

@Injectable()
class ForeignVerifier extends OpaqueVerifier {
  override verify(token: string): Promise<Principal> {
    return ForeignPromise.resolve(super.verify(token));
  }
}

describe('a promise that is of another library', () => {
  it('of a room policy is waited for, and lets in only where it says so', async () => {
    const server = await startApplication({ overrides: { roomPolicy: ForeignPolicy } });
    const alice = await join(server);
    for (const room of ['closed', 'broken', 'nothing']) {
      expect(await alice.request('join', room)).toMatchObject({ type: 'error', payload: { code: 'FORBIDDEN' } });
    }
    expect((await alice.request('join', 'open')).type).toBe('room:joined');
  });

  it('of a token verifier is waited for, and lets in only whom it names', async () => {
    const server = await startApplication({ overrides: { tokenVerifier: ForeignVerifier } });
    await expect(connect(server, { token: 'other-alice' })).rejects.toMatchObject({ status: 401 });
    const alice = await connect(server, { token: 'opaque-alice' });
    expect((await alice.next('connected')).payload.userId).toBe('alice');
  });
});

describe('a room policy of the application', () => {
  it('decides, later, with what the application’s own services know', async () => {
    const server = await startApplication({ overrides: { roomPolicy: TeamPolicy, imports: [TeamsModule] } });
    const alice = await join(server);
    expect(await alice.request('join', 'team:alice')).toMatchObject({ type: 'room:joined' });
    for (const [type, payload] of [
      ['join', 'team:bob'],
      ['presence', 'team:bob'],
      ['room:message', { room: 'team:bob', data: 1 }],
      ['history', { room: 'team:alice' }],
    ] as const) {
      expect(await alice.request(type, payload)).toMatchObject({ type: 'error', payload: { code: 'FORBIDDEN' } });
    }
    expect(await alice.request('room:message', { room: 'team:alice', data: 1 })).toMatchObject({ type: 'ack' });
  });

  it('that takes its time holds up the connection that asked, in order, and no other', async () => {
    const server = await startApplication({ overrides: { roomPolicy: HeldPolicy } });
    const held = await join(server, { claims: { sub: 'held' } });
    const other = await join(server);
    held.send('join', 'a', 'j');
    held.send('ping', undefined, 'p');
    await other.request('join', 'a');
    await other.settle();
    expect(held.queue).toEqual([]);

    HeldPolicy.release();
    expect(await held.nextWhere(() => true)).toMatchObject({ type: 'room:joined', requestId: 'j' });
    expect(await held.nextWhere(() => true)).toMatchObject({ type: 'pong', requestId: 'p' });
  });
});

const start = (): Promise<TestApplication> => startApplication({ overrides: { tokenVerifier: OpaqueVerifier } });

describe('a token verifier of the application', () => {
  it('tells who connects, with which grants, and until when they may stay', async () => {
    const server = await start();
    const alice = await join(server, { token: 'opaque-alice' }, 'general');
    const guest = await join(server, { token: 'opaque-guest' });
    expect(await guest.request('join', 'general')).toMatchObject({ payload: { code: 'FORBIDDEN' } });
    expect(await alice.request('auth:refresh', { token: 'opaque-alice' })).toMatchObject({ type: 'auth:refreshed' });
    expect(await alice.request('auth:refresh', { token: 'opaque-bob' })).toMatchObject({
      payload: { code: 'TOKEN_INVALID' },
    });
  });

  it('refuses before the upgrade, with its own words', async () => {
    const refused = await join(await start(), { token: 'stolen' }).catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(RefusedError);
    expect(refused).toMatchObject({ status: 401, body: { message: 'Not one of ours' } });
  });

  it('serves the REST API, too', async () => {
    const server = await start();
    const post = (token: string) =>
      request(server.http).post('/api/broadcast').auth(token, { type: 'bearer' }).send({ room: 'a', message: 1 });
    expect((await post('opaque-root')).body).toMatchObject({ success: true });
    expect((await post('stolen')).status).toBe(401);
  });
});

describe('a broker of the application', () => {
  it('carries everything, though it answers later', async () => {
    const server = await startApplication({ overrides: { broker: LaterBroker } });
    const alice = await join(server, {}, 'general');
    const bob = await join(server, { claims: { sub: 'bob' } }, 'general');
    for (let n = 1; n <= 20; n += 1) alice.send('room:message', { room: 'general', data: n }, `m${n}`);
    for (let n = 1; n <= 20; n += 1) {
      expect((await bob.next('room:message')).payload).toMatchObject({ data: n, offset: n });
      expect(await alice.next('ack')).toMatchObject({ requestId: `m${n}`, payload: { offset: n } });
    }
    await server.app.get(MessagingService).broadcast('all');
    expect((await bob.next('broadcast')).payload).toMatchObject({ data: 'all' });
  });

  it('that cannot be reached is told to clients and probes, and ends nothing', async () => {
    const server = await startApplication({ overrides: { broker: UnreachableBroker }, imports: [HealthModule] });
    const alice = await join(server, {}, 'general');
    expect(await alice.request('room:message', { room: 'general', data: 1 })).toMatchObject({
      type: 'error',
      payload: { code: 'UNAVAILABLE' },
    });
    expect((await request(server.http).get('/health/ready')).status).toBe(503);
    expect((await request(server.http).get('/health/live')).status).toBe(200);
    await alice.settle();
  });
});
