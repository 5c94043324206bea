import { Logger } from '@nestjs/common';

import { HistoryBound } from '../../../src/broker/history-bound.js';
import { MemoryBroker } from '../../../src/broker/memory.broker.js';
import { ProcessMemoryWatch, excessOf, type MemoryListener } from '../../../src/broker/memory-watch.js';
import { RoomRules } from '../../../src/config/room-rules.js';
import { resolveOptions } from '../../../src/config/resolve-options.js';
import { Telemetry } from '../../../src/telemetry/telemetry.js';
import { eventually } from '../../support/eventually.js';
import { AMPLE_MEMORY } from '../../support/memory.js';
import { RecordingLogger } from '../../support/recording-logger.js';
import { cleanUp } from '../../support/teardown.js';

const ALL = { count: 1000, bytes: 1e9 };
const KIB = 1024;

function brokerOnShortMemory() {
  const logger = new RecordingLogger();
  Logger.overrideLogger(logger);
  cleanUp(() => Logger.overrideLogger(false));
  let listener: MemoryListener | undefined;
  const options = resolveOptions({ nodeEnv: 'test', historyMaxBytes: 1024 * KIB });
  const telemetry = new Telemetry();
  const broker = new MemoryBroker(options, new RoomRules(options), telemetry, {
    start: (given) => (listener = given),
    stop: () => undefined,
  });
  cleanUp(() => broker.onApplicationShutdown());
  const fill = (room: string, count: number) => {
    for (let n = 0; n < count; n += 1) broker.publish({ room, data: `"${'x'.repeat(KIB)}"` });
  };
  return { broker, telemetry, logger, fill, measure: (excess: number) => listener?.(excess) };
}

describe('MemoryBroker while memory is short', () => {
  it('drops the oldest messages of all rooms, as many as are in excess, and counts them', () => {
    const { broker, telemetry, fill, measure } = brokerOnShortMemory();
    fill('old', 100);
    fill('new', 100);
    const before = broker.usage().historyBytes;
    measure(before / 2);

    expect(broker.usage().historyBytes).toBeLessThanOrEqual(before / 2);
    expect(telemetry.forgotten.get('memory')).toBe(100);
    expect(broker.history('new', undefined, ALL).publications).toHaveLength(100);
    expect(broker.history('old', undefined, ALL).publications).toHaveLength(0);
  });

  it('tells a client that comes back that messages are gone', () => {
    const { broker, fill, measure } = brokerOnShortMemory();
    const { epoch = '' } = broker.publish({ room: 'r', data: '1' });
    fill('r', 100);
    measure(broker.usage().historyBytes);
    expect(broker.history('r', { epoch, offset: 1 }, ALL)).toMatchObject({ after: 101, lost: 'trimmed' });
    expect(broker.history('r', { epoch, offset: 101 }, ALL).lost).toBeUndefined();
  });

  it('goes on serving without history, and with history again when there is memory', () => {
    const { broker, fill, measure } = brokerOnShortMemory();
    const delivered: number[] = [];
    broker.listen({ onPublication: (_room, _epoch, { offset = 0 }) => delivered.push(offset) });
    broker.subscribe('r');
    measure(1024 * KIB);
    fill('r', 3);
    expect(delivered).toEqual([1, 2, 3]);
    expect(broker.history('r', undefined, ALL).publications).toHaveLength(0);
    measure(-200 * KIB);
    fill('r', 3);
    expect(broker.history('r', undefined, ALL).publications).toHaveLength(3);
  });

  it('warns once a bout, however often memory is found short, and again in the next one', () => {
    const { logger, fill, measure } = brokerOnShortMemory();
    fill('r', 200);
    for (let n = 0; n < 10; n += 1) {
      measure(10 * KIB);
      measure(0);
      measure(-5 * KIB);
      fill('r', 20);
    }
    expect(logger.warnings.filter((text) => text.includes('Memory is short'))).toHaveLength(1);
    for (let n = 0; n < 20; n += 1) measure(-1024 * KIB);
    fill('r', 200);
    measure(10 * KIB);
    expect(logger.warnings.filter((text) => text.includes('Memory is short'))).toHaveLength(2);
  });
});

describe('HistoryBound', () => {
  it('falls below what is held by what is in excess, and never below nothing', () => {
    const bound = new HistoryBound(1000);
    bound.adjust(100, 800);
    expect(bound.bytes).toBe(700);
    bound.adjust(5000, 700);
    expect(bound.bytes).toBe(0);
  });

  it('rises by half of what is free at most, up to the setting', () => {
    const bound = new HistoryBound(1000);
    bound.adjust(800, 1000);
    bound.adjust(-200, 200);
    expect(bound.bytes).toBe(300);
    bound.adjust(0, 300);
    expect(bound.bytes).toBe(300);
    bound.adjust(-700, 300);
    expect(bound.bytes).toBe(1000);
    expect(bound.isLowered).toBe(false);
  });
});

describe('the measure of memory', () => {
  const marks = { high: 0.75, low: 0.5 };

  it.each([
    ['much is free', 20, -30],
    ['the lower mark is reached', 50, 0],
    ['it is between the marks', 74, 0],
    ['the upper mark is passed', 80, 30],
    ['the limit is passed', 120, 70],
  ])('when %s', (_when, used, excess) => {
    expect(excessOf(used, 100, marks)).toBe(excess);
  });

  it('is taken of resident memory in a container, too', async () => {
    const measured: number[] = [];
    const total = process.memoryUsage.rss();
    const watch = new ProcessMemoryWatch({ total, isContainer: true, heap: total }, 1);
    watch.start((excess) => measured.push(excess));
    cleanUp(() => watch.stop());
    await eventually(
      () => measured.length,
      (count) => count > 0,
    );
    expect(measured[0]).toBeGreaterThan(0);
  });

  it('is taken of the heap after a full collection', async () => {
    const measured: number[] = [];
    const watch = new ProcessMemoryWatch(AMPLE_MEMORY, 1);
    watch.start((excess) => measured.push(excess));
    cleanUp(() => watch.stop());
    // Old objects that become garbage make V8 collect.
    let kept: string[][] = [];
    await eventually(
      () => {
        kept.push(Array.from({ length: 20_000 }, (_, index) => `text ${index} of ${kept.length}`));
        if (kept.length > 50) kept = [];
        return measured.length;
      },
      (count) => count > 0,
    );
    expect(measured[0]).toBeLessThan(0);
  });
});
