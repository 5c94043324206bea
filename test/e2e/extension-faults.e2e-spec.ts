import { UseFilters, UseGuards, UseInterceptors, type CanActivate, type NestInterceptor } from '@nestjs/common';
import { OnEvent } from '@nestjs/event-emitter';
import { SubscribeMessage, WebSocketGateway } from '@nestjs/websockets';
import type { Observable } from 'rxjs';

import {
  EnvelopeExceptionFilter,
  GrantTemplate,
  RoomsService,
  type Principal,
  type RoomPolicy,
  type TokenVerifier,
} from '../../src/index.js';
import { startApplication, type ApplicationParts, type TestApplication } from '../support/application.js';
import { connect, join, type TestClient } from '../support/client.js';
import { eventually } from '../support/eventually.js';

/** The ways in which a handler fails. */
const ways = {
  'throws at once': (): never => {
    throw new Error('a mistake');
  },
  'rejects later': async (): Promise<never> => {
    await new Promise(setImmediate);
    throw new Error('a mistake');
  },
  'throws what is no error': (): never => {
    // oxlint-disable-next-line typescript/only-throw-error -- an application can
    throw undefined;
  },
};

let fail: () => never | Promise<never>;

/** Lets the connections and tokens of everybody but `faulty` pass. */
const failFor = (userId: string): unknown => (userId === 'faulty' ? fail() : undefined);

@WebSocketGateway()
class FaultyConnect {
  handleConnection({ userId }: { userId: string }): unknown {
    return failFor(userId);
  }
}

@WebSocketGateway()
class FaultyDisconnect {
  handleDisconnect({ userId }: { userId: string }): unknown {
    return failFor(userId);
  }
}

const EVENTS = [
  'connection.opened',
  'connection.closed',
  'room.joined',
  'room.left',
  'room.occupied',
  'room.vacated',
  'message.unhandled',
];

class FaultyEvents {
  @OnEvent('connection.opened', { suppressErrors: false })
  @OnEvent('connection.closed', { suppressErrors: false })
  @OnEvent('room.joined', { suppressErrors: false })
  @OnEvent('room.left', { suppressErrors: false })
  @OnEvent('room.occupied', { suppressErrors: false })
  @OnEvent('room.vacated', { suppressErrors: false })
  @OnEvent('message.unhandled', { suppressErrors: false })
  handle(): unknown {
    return fail();
  }
}

class SuppressedEvents {
  @OnEvent('connection.opened')
  @OnEvent('connection.closed')
  @OnEvent('room.joined')
  @OnEvent('message.unhandled')
  handle(): unknown {
    return fail();
  }
}

class FaultyGuard implements CanActivate {
  canActivate(): never | Promise<never> {
    return fail();
  }
}

class FaultyInterceptor implements NestInterceptor {
  intercept(): Observable<never> | Promise<never> {
    return fail();
  }
}

@WebSocketGateway()
class FaultyHandlers {
  @SubscribeMessage('custom')
  custom(): unknown {
    return fail();
  }

  @SubscribeMessage('custom:guarded')
  @UseGuards(FaultyGuard)
  guarded(): string {
    return 'unreachable';
  }

  @SubscribeMessage('custom:intercepted')
  @UseInterceptors(FaultyInterceptor)
  intercepted(): string {
    return 'unreachable';
  }
}

@WebSocketGateway()
@UseFilters(EnvelopeExceptionFilter)
class FilteredFaultyHandlers extends FaultyHandlers {}

class FaultyPolicy implements RoomPolicy {
  allows({ userId }: Principal): boolean | Promise<boolean> {
    return userId === 'faulty' ? fail() : true;
  }
}

class FaultyVerifier implements TokenVerifier {
  verify(token: string): Promise<Principal> {
    const principal = { userId: token, admin: false, grants: new GrantTemplate(['*']).for(token) };
    return token === 'faulty' ? fail() : Promise.resolve(principal);
  }
}

type Enter = (server: TestApplication, userId: string, ...rooms: string[]) => Promise<TestClient>;

const byName: Enter = (server, userId, ...rooms) => join(server, { claims: { sub: userId } }, ...rooms);

/** For where the token is the name. */
const byToken: Enter = (server, userId, ...rooms) => join(server, { token: userId }, ...rooms);
const refusalOf = (server: TestApplication, token: string): Promise<unknown> =>
  connect(server, { token }).catch((error: unknown) => error);

/** Two others are in a room, and are in it undisturbed when the fault has been met. */
async function undisturbed(
  parts: ApplicationParts,
  meetFault: (server: TestApplication) => Promise<void>,
  enter: Enter = byName,
): Promise<void> {
  const server = await startApplication(parts);
  const [bob, carol] = [await enter(server, 'bob', 'chat'), await enter(server, 'carol', 'chat')];
  await meetFault(server);
  bob.send('room:message', { room: 'chat', data: 'still here' });
  expect((await carol.next('room:message')).payload).toMatchObject({ data: 'still here' });
  for (const client of [bob, carol]) {
    await client.settle();
    expect(client.queue).toEqual([]);
  }
}

const logged = ({ log }: TestApplication, text: string) =>
  eventually(
    () => log.errors,
    (errors) => errors.some((line) => line.includes(text)),
  );

describe.each(Object.entries(ways))('a handler of the application that %s', (_name, way) => {
  beforeEach(() => {
    fail = way;
  });

  it('as handleConnection is logged, and the connection goes on', () =>
    undisturbed({ providers: [FaultyConnect] }, async (server) => {
      const faulty = await byName(server, 'faulty', 'general');
      await faulty.settle();
      await logged(server, 'handleConnection failed');
    }));

  it('as handleDisconnect is logged', () =>
    undisturbed({ providers: [FaultyDisconnect] }, async (server) => {
      const faulty = await byName(server, 'faulty', 'general');
      await faulty.close();
      await logged(server, 'handleDisconnect failed');
      expect(server.app.get(RoomsService).size('general')).toBe(0);
    }));

  it('of events is logged, each time, and harms nothing', () =>
    undisturbed({ providers: [FaultyEvents] }, async (server) => {
      const faulty = await byName(server, 'faulty', 'general');
      expect(await faulty.request('whatever')).toMatchObject({ type: 'error', payload: { code: 'INTERNAL' } });
      await faulty.request('leave', 'general');
      await faulty.close();
      for (const event of EVENTS) await logged(server, `A handler of "${event}" failed`);
    }));

  it('of events is logged by Nest where that is left to it', () =>
    undisturbed({ providers: [SuppressedEvents] }, async (server) => {
      const faulty = await byName(server, 'faulty', 'general');
      await faulty.request('whatever');
      await faulty.close();
      await eventually(
        () => server.log.errors.length,
        (count) => count >= 4,
      );
    }));

  it.each([
    ['Nest’s filter', FaultyHandlers],
    ['ours', FilteredFaultyHandlers],
  ])('of messages is an internal error by %s', (_filter, gateway) =>
    undisturbed({ providers: [gateway] }, async (server) => {
      const faulty = await byName(server, 'faulty');
      for (const type of ['custom', 'custom:guarded', 'custom:intercepted']) {
        const reply = await faulty.request(type);
        expect(reply).toMatchObject({ type: 'error', payload: { code: 'INTERNAL', message: 'Internal error' } });
      }
      expect(server.log.errors.length).toBeGreaterThanOrEqual(3);
      await faulty.settle();
    }),
  );

  it('as the room policy refuses, and is logged', () =>
    undisturbed({ overrides: { roomPolicy: FaultyPolicy } }, async (server) => {
      const faulty = await byName(server, 'faulty');
      for (const [type, payload] of [
        ['join', 'chat'],
        ['presence', 'chat'],
        ['room:message', { room: 'chat', data: 1 }],
      ] as const) {
        expect(await faulty.request(type, payload)).toMatchObject({ type: 'error', payload: { code: 'FORBIDDEN' } });
      }
      await logged(server, 'The room policy failed');
    }));

  it('as the token verifier is answered as a fault of the server, and is logged', () => {
    const meetFault = async (server: TestApplication): Promise<void> => {
      const refused = await refusalOf(server, 'faulty');
      expect(refused).toMatchObject({ status: 503, body: { code: 'UNAVAILABLE' } });
      await logged(server, 'A token could not be judged');

      const alice = await byToken(server, 'alice');
      const reply = await alice.request('auth:refresh', { token: 'faulty' });
      expect(reply).toMatchObject({ type: 'error', payload: { code: 'INTERNAL' } });
      await alice.settle();
    };
    return undisturbed({ overrides: { tokenVerifier: FaultyVerifier } }, meetFault, byToken);
  });
});
