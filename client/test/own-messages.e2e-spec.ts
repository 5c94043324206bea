import { startApplication } from '../../test/support/application.js';
import { OrdersGateway } from '../../test/support/orders.js';
import { startServer } from '../../test/support/server.js';
import { FaultyProxy } from './support/faulty-proxy.js';
import { many, rookery } from './support/rookery.js';

describe('an application’s own messages', () => {
  it('are asked, sent and received', async () => {
    const server = await startApplication({ providers: [OrdersGateway] });
    const alice = rookery(server);
    const received: unknown[] = [];
    alice.on('message', (message) => received.push(message));
    expect(await alice.request('order:watch', { order: 7 })).toMatchObject({ order: 7, by: 'alice' });
    await many(received, 1);
    expect(received).toEqual([{ type: 'order:state', payload: { order: 7, state: 'packed' } }]);
    await expect(alice.request('order:watch', { order: 'x' })).rejects.toMatchObject({
      code: 'INVALID_PAYLOAD',
      details: { field: 'order' },
    });
    const errors: unknown[] = [];
    alice.on('error', ({ code }) => errors.push(code));
    alice.send('nobody:knows');
    await many(errors, 1);
    expect(errors).toEqual(['UNKNOWN_TYPE']);
  });

  it('wait for a connection, but not for ever, and are not sent twice', async () => {
    const server = await startServer();
    const proxy = await FaultyProxy.start(server.port);
    const alice = rookery(proxy);
    const early = alice.request('x');
    await expect(early).rejects.toMatchObject({ code: 'UNKNOWN_TYPE' });
    proxy.stall();
    const lost = alice.request('x', undefined, { timeoutMs: 0 });
    const late = alice.request('x', undefined, { timeoutMs: 50 });
    await expect(late).rejects.toMatchObject({ code: 'TIMEOUT', retryable: true });
    proxy.cut();
    await expect(lost).rejects.toMatchObject({ code: 'OFFLINE', retryable: true });
    const signal = AbortSignal.abort();
    await expect(alice.request('x', 1, { signal })).rejects.toMatchObject({ code: 'ABORTED' });
    await expect(alice.request('x', 1n)).rejects.toMatchObject({ code: 'INVALID_DATA' });
  });

  it('that are too large for the server are refused, and end no connection', async () => {
    const server = await startServer({ maxMessageBytes: 1000 });
    const proxy = await FaultyProxy.start(server.port);
    const alice = rookery(proxy);
    const early = alice.request('x', 'ü'.repeat(500));
    await expect(early).rejects.toMatchObject({ code: 'TOO_LARGE', retryable: false, details: { max: 1000 } });
    await expect(alice.request('x', 'y'.repeat(1000))).rejects.toMatchObject({ code: 'TOO_LARGE' });
    await expect(alice.request('x', 'y'.repeat(900))).rejects.toMatchObject({ code: 'UNKNOWN_TYPE' });
    expect(proxy.connections).toBe(1);
  });
});
