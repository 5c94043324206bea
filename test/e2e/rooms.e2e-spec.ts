import { join } from '../support/client.js';
import { startServer } from '../support/server.js';

describe('rooms', () => {
  it('carry a message to every member but its sender, in order', async () => {
    const server = await startServer();
    const alice = await join(server, {}, 'general');
    const bob = await join(server, { claims: { sub: 'bob' } }, 'general');
    const ack = await alice.request('room:message', { room: 'general', data: { text: 'one' } });
    alice.send('room:message', { room: 'general', data: { text: 'two' } });

    expect(ack.type).toBe('ack');
    const { payload: first } = await bob.next('room:message');
    const { payload: second } = await bob.next('room:message');
    expect(first).toMatchObject({
      room: 'general',
      data: { text: 'one' },
      from: 'alice',
      offset: 1,
      id: ack.payload.id,
    });
    expect(second).toMatchObject({ data: { text: 'two' }, offset: 2 });
    await alice.settle();
    expect(alice.takeAll('room:message')).toEqual([]);
  });

  it('carry what a member sent before it left to the others alone', async () => {
    const server = await startServer();
    const alice = await join(server, {}, 'general');
    const bob = await join(server, { claims: { sub: 'bob' } }, 'general');
    alice.send('room:message', { room: 'general', data: 'goodbye' });
    await alice.request('leave', 'general');
    expect(await bob.next('room:message')).toMatchObject({ payload: { data: 'goodbye' } });
    await alice.settle();
    expect(alice.queue).toEqual([]);
  });
});
