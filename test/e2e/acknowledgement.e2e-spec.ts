import { BrokerUnavailableError, MessagingService, type PublishRequest, type PublishResult } from '../../src/index.js';
import { startApplication } from '../support/application.js';
import { join } from '../support/client.js';
import { LaterBroker } from '../support/later.broker.js';
import { expectOnly, range, send } from '../support/messages.js';
import { post } from '../support/rest.js';
import { startServer } from '../support/server.js';

const bob = { claims: { sub: 'bob' } };

/** Takes the first message, and then cannot be reached for the answer. */
class LosingBroker extends LaterBroker {
  private lost = false;

  override async publish(message: PublishRequest): Promise<PublishResult> {
    const result = await super.publish(message);
    if (this.lost) return result;
    this.lost = true;
    throw new BrokerUnavailableError('The connection was lost');
  }
}

describe('when it is not known whether a message was taken', () => {
  it('the publisher hears that the broker cannot be reached, and repeats safely', async () => {
    const server = await startApplication({ overrides: { broker: LosingBroker } });
    const member = await join(server, bob, 'r');
    const alice = await join(server);
    const lost = await alice.request('room:message', { room: 'r', data: 'once', id: 'x' });
    expect(lost).toMatchObject({ type: 'error', payload: { code: 'UNAVAILABLE' } });
    expect(await send(alice, { room: 'r', data: 'once', id: 'x' })).toMatchObject({ offset: 1, duplicate: true });
    expect(await send(alice, { room: 'r', data: 'next', id: 'y' })).toMatchObject({ offset: 2 });
    await expectOnly(member, 'r', ['once', 'next']);
  });
});

/** Takes messages, and answers when the test says so. */
class WithholdingBroker extends LaterBroker {
  static answer: () => void = () => undefined;

  override async publish(message: PublishRequest): Promise<PublishResult> {
    const result = await super.publish(message);
    await new Promise<void>((resolve) => (WithholdingBroker.answer = resolve));
    return result;
  }
}

describe('an acknowledgement', () => {
  it('comes when the broker has accepted the message, and not before', async () => {
    const server = await startApplication({ overrides: { broker: WithholdingBroker } });
    const member = await join(server, bob, 'r');
    const alice = await join(server);
    alice.send('room:message', { room: 'r', data: 1 }, 'the request');
    await expectOnly(member, 'r', [1]);
    expect(alice.queue).toEqual([]);
    WithholdingBroker.answer();
    expect(await alice.next('ack')).toMatchObject({ requestId: 'the request', payload: { offset: 1 } });
  });

  it('has the same position over WebSocket, REST and from the service', async () => {
    const server = await startServer();
    const acks = [
      await send(await join(server), { room: 'r', data: 1 }),
      await post(server, 'rooms/r/messages', { data: 2 }),
      await server.app.get(MessagingService).publish('r', 3),
    ];
    expect(new Set(acks.map(({ epoch }) => epoch)).size).toBe(1);
    expect(acks.map(({ room, offset }) => [room, offset])).toEqual(range(1, 3).map((offset) => ['r', offset]));
  });
});
