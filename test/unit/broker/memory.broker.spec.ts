import { MemoryBroker } from '../../../src/broker/memory.broker.js';
import { RoomRules } from '../../../src/config/room-rules.js';
import { resolveOptions } from '../../../src/config/resolve-options.js';
import type { RookeryOptionsInput } from '../../../src/config/rookery.options.js';
import { brokerContract } from '../../contract/broker.contract.js';
import { cleanUp } from '../../support/teardown.js';

brokerContract('MemoryBroker', (options, rules) => {
  const broker = new MemoryBroker(options, rules);
  cleanUp(() => broker.onApplicationShutdown());
  return Promise.resolve(broker);
});

function memoryBroker(input: RookeryOptionsInput): MemoryBroker {
  const options = resolveOptions({ nodeEnv: 'test', ...input });
  const broker = new MemoryBroker(options, new RoomRules(options));
  cleanUp(() => broker.onApplicationShutdown());
  return broker;
}

const ALL = { count: 1000, bytes: 1e9 };

describe('MemoryBroker: bounds', () => {
  it('lets the oldest messages of all rooms go when there are too many bytes', () => {
    const broker = memoryBroker({ historyMaxBytes: 10_000 });
    const first = broker.publish({ room: 'old', data: `"${'x'.repeat(1000)}"` });
    for (let n = 0; n < 20; n += 1) broker.publish({ room: 'busy', data: `"${'x'.repeat(1000)}"` });
    expect(broker.usage().historyBytes).toBeLessThanOrEqual(10_000);
    expect(broker.history('old', { epoch: first.epoch ?? '', offset: 0 }, ALL)).toMatchObject({
      after: 1,
      lost: 'trimmed',
    });
    expect(broker.history('busy', undefined, ALL).publications.at(-1)?.offset).toBe(20);
  });

  it('forgets the longest idle rooms, and never gives their epoch to another history', () => {
    const broker = memoryBroker({ maxIdleRooms: 10 });
    const first = broker.publish({ room: 'r0', data: '1' });
    for (let n = 1; n <= 50; n += 1) broker.publish({ room: `r${n}`, data: '1' });
    expect(broker.usage().rooms).toBeLessThanOrEqual(11);
    const again = broker.publish({ room: 'r0', data: '1' });
    expect(again.offset).toBe(1);
    expect(again.epoch).not.toBe(first.epoch);
    expect(broker.history('r0', { epoch: first.epoch ?? '', offset: 1 }, ALL)).toMatchObject({ lost: 'epoch' });
  });

  it('keeps rooms with members, however many there are', () => {
    const broker = memoryBroker({ maxIdleRooms: 1 });
    for (let n = 0; n < 20; n += 1) broker.subscribe(`r${n}`);
    for (let n = 0; n < 20; n += 1) broker.publish({ room: `r${n}`, data: '1' });
    expect(broker.usage().rooms).toBe(20);
  });

  it('keeps nothing of a room that was joined and left without a message', () => {
    const broker = memoryBroker({});
    const before = broker.subscribe('r');
    broker.unsubscribe('r');
    expect(broker.usage().rooms).toBe(0);
    expect(broker.subscribe('r')).toEqual(before);
  });

  it('bounds the ids and the receipts that it remembers', () => {
    const broker = memoryBroker({ deduplicationMaxIds: 5, maxReceipts: 5 });
    for (let n = 0; n < 20; n += 1) {
      broker.publish({ room: 'r', data: '1', id: `i${n}` });
      broker.acknowledge('r', `u${n}`, { epoch: 'e', offset: n });
    }
    expect(broker.usage().ids).toBe(5);
    expect(broker.publish({ room: 'r', data: '1', id: 'i19' }).duplicate).toBe(true);
    expect(broker.publish({ room: 'r', data: '1', id: 'i0' }).duplicate).toBeUndefined();
    expect(broker.acknowledged('r', 'u0')).toBeUndefined();
    expect(broker.acknowledged('r', 'u19')).toEqual({ epoch: 'e', offset: 19 });
  });
});
