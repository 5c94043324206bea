import {
  BadRequestException,
  Catch,
  HttpException,
  UseFilters,
  UseGuards,
  ValidationPipe,
  type ArgumentsHost,
  type CanActivate,
  type WsExceptionFilter,
} from '@nestjs/common';
import { APP_GUARD, APP_PIPE } from '@nestjs/core';
import { MessageBody, SubscribeMessage, WebSocketGateway, WsException } from '@nestjs/websockets';

import { EnvelopeExceptionFilter, type Connection } from '../../src/index.js';

import { startApplication, type TestApplication } from '../support/application.js';
import { join } from '../support/client.js';
import { EXCEPTIONS, SECRET_TEXT, throwNamed } from '../support/exceptions.js';
import { WatchOrder } from '../support/orders.js';

class NobodyGuard implements CanActivate {
  canActivate(): boolean {
    return false;
  }
}

/** A gateway without a filter of Rookery's: its errors go through the one that Nest brings. */
@WebSocketGateway()
class BareGateway {
  @SubscribeMessage('bare:text')
  text(): void {
    throw new WsException('Too late');
  }

  @SubscribeMessage('bare:object')
  object(): void {
    throw new WsException({ code: 'ORDER_SHIPPED', message: 'Too late', details: { since: 'Monday' } });
  }

  @SubscribeMessage('bare:bug')
  bug(): void {
    throw new Error('a secret of the database');
  }

  @SubscribeMessage('bare:late-bug')
  async lateBug(): Promise<void> {
    await new Promise(setImmediate);
    throw new Error('a secret of the database');
  }

  @SubscribeMessage('bare:http')
  http(): void {
    throw new BadRequestException('no such order');
  }

  @SubscribeMessage('bare:guarded')
  @UseGuards(NobodyGuard)
  guarded(): void {
    throw new Error('unreachable');
  }
}

const start = (): Promise<TestApplication> => startApplication({ providers: [BareGateway] });

describe('without a filter of ours, an error of a gateway', () => {
  it.each([
    ['bare:text', { code: 'REJECTED', message: 'Too late' }],
    ['bare:object', { code: 'ORDER_SHIPPED', message: 'Too late', details: { since: 'Monday' } }],
    ['bare:bug', { code: 'INTERNAL', message: 'Internal error' }],
    ['bare:late-bug', { code: 'INTERNAL', message: 'Internal error' }],
    ['bare:guarded', { code: 'FORBIDDEN', message: 'Not allowed' }],
  ])('from %s is in the envelope, with the request’s id', async (type, payload) => {
    const alice = await join(await start());
    const reply = await alice.request(type, { marker: 'xyzzy' });
    expect(reply).toMatchObject({ type: 'error', payload });
    expect(JSON.stringify(reply)).not.toMatch(/xyzzy|database/);
    await alice.settle();
    expect(alice.queue).toEqual([]);
  });

  it('is told without a requestId, too', async () => {
    const alice = await join(await start());
    alice.send('bare:text');
    expect(await alice.next('error')).toEqual({ type: 'error', payload: { code: 'REJECTED', message: 'Too late' } });
  });

  it('that Nest does not know for this transport is an internal one', async () => {
    const alice = await join(await start());
    expect(await alice.request('bare:http')).toMatchObject({ type: 'error', payload: { code: 'INTERNAL' } });
  });
});

@WebSocketGateway()
@UseFilters(EnvelopeExceptionFilter)
class FilteredGateway {
  @SubscribeMessage('throw')
  throw(@MessageBody() { name }: { name: string }): void {
    throwNamed(name);
  }

  @SubscribeMessage('throw:late')
  async throwLate(@MessageBody() { name }: { name: string }): Promise<void> {
    await new Promise(setImmediate);
    throwNamed(name);
  }

  @SubscribeMessage('watch')
  watch(@MessageBody() { order }: WatchOrder): object {
    return { order };
  }
}

describe('with EnvelopeExceptionFilter', () => {
  it.each(['throw', 'throw:late'])('an exception of %s has the application’s own code and text', async (type) => {
    const server = await startApplication({ providers: [FilteredGateway] });
    const alice = await join(server);
    for (const [name, { payload, logged = false }] of Object.entries(EXCEPTIONS)) {
      const before = server.log.errors.length;
      const reply = await alice.request(type, { name, marker: 'xyzzy' });
      expect({ name, type: reply.type, payload: reply.payload as unknown }).toEqual({ name, type: 'error', payload });
      expect(JSON.stringify(reply)).not.toMatch(new RegExp(`xyzzy|${SECRET_TEXT}`));
      expect({ name, logged: server.log.errors.length > before }).toEqual({ name, logged });
    }
    await alice.settle();
  });

  it('a global guard that refuses without a word is FORBIDDEN', async () => {
    const providers = [FilteredGateway, { provide: APP_GUARD, useClass: NobodyGuard }];
    const alice = await join(await startApplication({ providers }));
    expect(await alice.request('watch', { order: 1 })).toMatchObject({
      type: 'error',
      payload: { code: 'FORBIDDEN', message: 'Not allowed' },
    });
  });

  it.each([
    ['list', { rule: 'order must not be less than 1; order must be an integer number' }],
    ['grouped', { field: 'order', rule: 'order must not be less than 1; order must be an integer number' }],
  ] as const)(
    'a global ValidationPipe that gives a %s is INVALID_PAYLOAD with the rules',
    async (errorFormat, details) => {
      const pipe = {
        provide: APP_PIPE,
        useValue: new ValidationPipe({ whitelist: true, transform: true, errorFormat }),
      };
      const alice = await join(await startApplication({ providers: [FilteredGateway, pipe] }));
      expect(await alice.request('watch', { order: 'xyzzy' })).toMatchObject({
        type: 'error',
        payload: { code: 'INVALID_PAYLOAD', details },
      });
      expect(await alice.request('watch', { order: 7 })).toMatchObject({ type: 'ack', payload: { order: 7 } });
    },
  );
});

/** A filter that hands out what Nest would answer over HTTP. */
@Catch(HttpException)
class BodyFilter implements WsExceptionFilter<HttpException> {
  catch(error: HttpException, host: ArgumentsHost): void {
    host.switchToWs().getClient<Connection>().emit('exception', error.getResponse());
  }
}

@WebSocketGateway()
@UseFilters(BodyFilter)
class BodyGateway {
  @SubscribeMessage('throw')
  throw(@MessageBody() { name }: { name: string }): void {
    throwNamed(name);
  }
}

describe('with a filter of the application’s that hands out the body of an HTTP exception', () => {
  it.each(['unauthorized', 'forbidden', 'not found', 'conflict', 'bad request', 'unavailable', 'object', 'validation'])(
    'the exception %s has the code of its status and its own text',
    async (name) => {
      const alice = await join(await startApplication({ providers: [BodyGateway] }));
      const reply = await alice.request('throw', { name });
      expect(reply).toMatchObject({ type: 'error', payload: EXCEPTIONS[name]?.payload });
    },
  );
});
