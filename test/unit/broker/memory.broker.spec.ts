import { MemoryBroker } from '../../../src/broker/memory.broker.js';
import { RoomRules } from '../../../src/config/room-rules.js';
import { resolveOptions } from '../../../src/config/resolve-options.js';
import type { RookeryOptionsInput } from '../../../src/config/rookery.options.js';
import { Telemetry } from '../../../src/telemetry/telemetry.js';
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

  it('keeps nothing of a room that had only volatile messages', () => {
    const broker = memoryBroker({});
    broker.publish({ room: 'r', data: '1', volatile: true });
    broker.subscribe('s');
    broker.publish({ room: 's', data: '1', volatile: true });
    broker.unsubscribe('s');
    expect(broker.usage().rooms).toBe(0);
  });

  it('tells of no loss in a room that never had a message, though others were dropped in between', () => {
    const broker = memoryBroker({ maxIdleRooms: 1 });
    const before = broker.subscribe('quiet');
    broker.unsubscribe('quiet');
    for (let n = 0; n < 20; n += 1) broker.publish({ room: `r${n}`, data: '1' });
    expect(broker.history('quiet', before, ALL)).toEqual({ head: before, after: 0, publications: [] });
  });

  it('numbers on in an idle room without history, and tells why its messages are gone', () => {
    const broker = memoryBroker({ historySize: 0 });
    const { epoch = '' } = broker.publish({ room: 'r', data: '1' });
    broker.publish({ room: 'r', data: '2' });
    expect(broker.history('r', { epoch, offset: 1 }, ALL)).toMatchObject({ after: 2, lost: 'trimmed' });
    expect(broker.history('r', { epoch, offset: 2 }, ALL)).toEqual({
      head: { epoch, offset: 2 },
      after: 2,
      publications: [],
    });
    expect(broker.publish({ room: 'r', data: '3' })).toMatchObject({ epoch, offset: 3 });
    expect(broker.subscribe('r')).toEqual({ epoch, offset: 3 });
  });

  it('drops the longest idle of the rooms with and without history, and counts them', () => {
    const telemetry = new Telemetry();
    const rooms = [{ pattern: 'bare:*', historySize: 0 }];
    const options = resolveOptions({ nodeEnv: 'test', maxIdleRooms: 2, rooms });
    const broker = new MemoryBroker(options, new RoomRules(options), telemetry);
    cleanUp(() => broker.onApplicationShutdown());
    const positions = ['bare:1', 'kept:1', 'bare:2', 'kept:2'].map((room) => {
      const { epoch = '' } = broker.publish({ room, data: '1' });
      return { room, position: { epoch, offset: 1 } };
    });
    expect(broker.usage().rooms).toBe(2);
    expect(telemetry.forgotten.get('max-idle-rooms')).toBe(2);
    const lost = positions.map(({ room, position }) => broker.history(room, position, ALL).lost);
    expect(lost.filter((reason) => reason === 'epoch')).toHaveLength(2);
    expect(lost.filter((reason) => reason === undefined)).toHaveLength(2);
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
