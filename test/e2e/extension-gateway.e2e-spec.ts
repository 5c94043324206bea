import { SubscribeMessage, WebSocketGateway } from '@nestjs/websockets';

import { startApplication, type TestApplication } from '../support/application.js';
import { join, type TestClient } from '../support/client.js';
import { OrdersGateway } from '../support/orders.js';

@WebSocketGateway({ path: '/ws' })
class InvoicesGateway {
  @SubscribeMessage('invoice:count')
  count(): object {
    return { count: 2 };
  }
}

@WebSocketGateway({ path: '/elsewhere' })
class ElsewhereGateway {}

const start = (): Promise<TestApplication> => startApplication({ providers: [OrdersGateway, InvoicesGateway] });

async function client(claims: object = {}): Promise<TestClient> {
  return join(await start(), { claims: { ...claims } });
}

describe('a gateway of the application', () => {
  it('takes its types on the one endpoint, beside the protocol’s and another gateway’s', async () => {
    const alice = await client();
    expect(await alice.request('invoice:count')).toMatchObject({ type: 'ack', payload: { count: 2 } });
    expect(await alice.request('order:total', { order: 3 })).toMatchObject({ type: 'ack', payload: { total: 30 } });
    expect(await alice.request('join', 'general')).toMatchObject({ type: 'room:joined' });
  });

  it('answers with a type of its own, and sends besides', async () => {
    const alice = await client();
    const reply = await alice.request('order:watch', { order: 7 });
    expect(reply).toMatchObject({ type: 'order:watched', payload: { order: 7, by: 'alice' } });
    expect(await alice.next('order:state')).toEqual({ type: 'order:state', payload: { order: 7, state: 'packed' } });
  });

  it('acknowledges where its handler has nothing to say', async () => {
    const alice = await client();
    expect(await alice.request('order:touch', { order: 1 })).toMatchObject({ type: 'ack' });
    alice.send('order:touch', { order: 1 });
    await alice.settle();
    expect(alice.queue).toEqual([]);
  });

  it('is behind its guard', async () => {
    const mallory = await client({ sub: 'mallory' });
    expect(await mallory.request('order:watch', { order: 7 })).toMatchObject({
      type: 'error',
      payload: { code: 'FORBIDDEN' },
    });
    expect(mallory.queue).toEqual([]);
  });

  it('gets payloads that its pipe has checked; errors name field and rule and echo nothing', async () => {
    const alice = await client();
    const reply = await alice.request('order:watch', { order: -1234567 });
    expect(reply).toMatchObject({
      type: 'error',
      payload: { code: 'INVALID_PAYLOAD', details: { field: 'order', rule: expect.stringContaining('not be less') } },
    });
    expect(JSON.stringify(reply)).not.toContain('1234567');
    expect(await alice.request('order:watch', { order: 1, more: 1 })).toMatchObject({
      payload: { code: 'INVALID_PAYLOAD', details: { field: 'more' } },
    });
  });

  it('has its answers pass its interceptor', async () => {
    const alice = await client();
    expect(await alice.request('order:stamp', { order: 1 })).toMatchObject({
      type: 'ack',
      payload: { order: 1, stamped: true },
    });
  });

  it.each([
    ['order:cancel', { code: 'ORDER_SHIPPED', message: 'Too late' }],
    ['order:forbid', { code: 'NOT_JOINED' }],
    ['order:range', { code: 'OUT_OF_RANGE', message: 'more than there are' }],
  ])('has the errors of %s in the envelope', async (type, payload) => {
    const alice = await client();
    expect(await alice.request(type, { order: 1 })).toMatchObject({ type: 'error', payload });
    await alice.settle();
  });

  it('cannot ask for another path', async () => {
    await expect(startApplication({ providers: [ElsewhereGateway] })).rejects.toThrow('/elsewhere');
  });
});
