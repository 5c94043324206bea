import { setImmediate as immediate } from 'node:timers/promises';

import { resolveOptions } from '../../../src/config/resolve-options.js';
import { Turn, type Flushable } from '../../../src/connections/turn.js';
import { Telemetry } from '../../../src/telemetry/telemetry.js';

const turnOf = (flushIntervalMs = 0): Turn =>
  new Turn(resolveOptions({ nodeEnv: 'test', flushIntervalMs }), new Telemetry());

/** Says in the log that it was flushed, and then does what the test wants. */
function flushable(log: string[], name: string, then: () => void = () => undefined): Flushable {
  return {
    flush: () => {
      log.push(name);
      then();
    },
  };
}

describe('the end of a turn', () => {
  it('flushes rooms first, then outboxes, each once', async () => {
    const log: string[] = [];
    const turn = turnOf();
    turn.endWithOutbox(flushable(log, 'outbox 1'));
    turn.endWithRoom(flushable(log, 'room 1'));
    turn.endWithOutbox(flushable(log, 'outbox 2'));
    turn.endWithRoom(flushable(log, 'room 2'));
    expect(log).toEqual([]);
    await immediate();
    expect(log).toEqual(['room 1', 'room 2', 'outbox 1', 'outbox 2']);
    await immediate();
    await immediate();
    expect(log).toHaveLength(4);
  });

  it('flushes what rooms have handed to outboxes', async () => {
    const log: string[] = [];
    const turn = turnOf();
    turn.endWithRoom(flushable(log, 'room', () => turn.endWithOutbox(flushable(log, 'outbox'))));
    await immediate();
    expect(log).toEqual(['room', 'outbox']);
  });

  it.each(['room', 'outbox'])('leaves nothing behind that begins while a %s is flushed', async (kind) => {
    const log: string[] = [];
    const turn = turnOf();
    const begin = (): void => {
      turn.endWithRoom(flushable(log, 'late room'));
      turn.endWithOutbox(flushable(log, 'late outbox'));
    };
    if (kind === 'room') turn.endWithRoom(flushable(log, kind, begin));
    else turn.endWithOutbox(flushable(log, kind, begin));
    for (let turns = 0; turns < 3; turns += 1) await immediate();
    expect(log.toSorted()).toEqual([kind, 'late outbox', 'late room'].toSorted());
  });

  it('comes again for every turn', async () => {
    const log: string[] = [];
    const turn = turnOf();
    for (let turns = 0; turns < 3; turns += 1) {
      turn.endWithOutbox(flushable(log, 'outbox'));
      await immediate();
    }
    expect(log).toHaveLength(3);
  });

  it('waits for as long as the settings say', async () => {
    const log: string[] = [];
    const turn = turnOf(100);
    const startedAt = performance.now();
    const flushed = new Promise<void>((resolve) => turn.endWithRoom(flushable(log, 'room', resolve)));
    await immediate();
    expect(log).toEqual([]);
    await flushed;
    expect(performance.now() - startedAt).toBeGreaterThanOrEqual(99);
  });
});
