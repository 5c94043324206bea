import { BadRequestException, UseGuards, type CanActivate } from '@nestjs/common';
import { SubscribeMessage, WebSocketGateway, WsException } from '@nestjs/websockets';

import { startApplication, type TestApplication } from '../support/application.js';
import { join } from '../support/client.js';

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
