import * as fc from 'fast-check';

import { INITIAL, MAX_TOLD_MS, STABLE_MS, step, type MachineEvent, type MachineState } from '../src/machine.js';
import { settingsOf } from '../src/settings.js';
import { Seeded } from '../../test/support/seeded.js';
import { counterexample, need } from './support/counterexample.js';
import { USUAL, options, run, violation } from './support/played.js';

describe('a connection that tries again', () => {
  it('waits within the bounds, or as long as the server says', () => {
    const found = violation((played, { minDelayMs, maxDelayMs }) => {
      for (const { before, event, after, effects } of played) {
        const { timerMs = 1 } = effects;
        need(timerMs >= 0 && timerMs <= MAX_TOLD_MS && Number.isInteger(timerMs), 'no time for a timer');
        if (after.phase !== 'waiting' || effects.timerMs === undefined) continue;
        need(effects.retryInMs === timerMs && timerMs >= 1, 'it is told wrongly');
        const told = event.type === 'offline' ? undefined : before.returnInMs;
        const isRefused = event.type === 'ended' && (event.code === 4401 || event.status === 401);
        // Nothing but a token refused again, or a silence, makes it wait longer than it was told.
        const isExact = event.type === 'ended' && !isRefused;
        if (told !== undefined)
          need(
            isExact ? timerMs === Math.max(1, Math.round(told)) : timerMs >= Math.round(told),
            'the server is not obeyed',
          );
        else need(after.told || (timerMs >= minDelayMs && timerMs <= maxDelayMs), 'out of bounds');
      }
    });
    expect(found).toBeUndefined();
  });

  it('tries with all clients of a lost server so that no tenth of a second has more than 5 % of them', () => {
    const seeded = new Seeded(2000);
    const defaults = settingsOf({}).connection;
    const connected: MachineState = { ...INITIAL, phase: 'connected', attempt: 1, returning: true };
    const delays = Array.from({ length: 2000 }, () => {
      const end: MachineEvent = { type: 'ended', attempt: 1, livedMs: STABLE_MS, code: 1006 };
      return step(connected, end, defaults, seeded.below(1e6) / 1e6).effects.timerMs ?? Infinity;
    }).toSorted((one, other) => one - other);

    const within = delays.map((from, index) => delays.slice(index).filter((delay) => delay < from + 100).length);

    expect(Math.max(...within)).toBeLessThanOrEqual(delays.length * 0.05);
    expect(delays.at(-1)).toBeLessThanOrEqual(4000);
  });

  it('comes back no sooner than a server wants it that goes, whatever the connection ends by', () => {
    const settings = { ...USUAL, renewable: true };
    const attempt = 1;
    const going: MachineState = {
      ...INITIAL,
      phase: 'connected',
      attempt,
      renewed: true,
      asked: true,
      returnInMs: 4000,
    };
    const ends: MachineEvent[] = [
      { type: 'ended', attempt, livedMs: 0, code: 1001 },
      { type: 'ended', attempt, livedMs: 0, code: 4401 },
      { type: 'timer', silentMs: 60_000, answered: false, graceMs: -1 },
      { type: 'abandon', reason: 'test' },
    ];
    for (const end of ends) {
      expect(step(going, end, settings, 0)).toMatchObject({
        state: { phase: 'waiting', told: true },
        effects: { timerMs: 4000 },
      });
    }
  });

  it('begins with the shortest delays again when it wakes, unless the delay is the server’s', () => {
    const found = counterexample(
      fc.property(options, fc.integer({ min: 1, max: 100_000 }), (settings, waitedMs) => {
        const waiting: MachineState = { ...INITIAL, phase: 'waiting', attempt: 1, waitedMs };
        const patient = { ...settings, maxAttempts: Infinity };
        need(step({ ...waiting, told: true }, { type: 'wake' }, patient, 1).effects.act === undefined, 'it hurries');
        const woken = step(waiting, { type: 'wake' }, patient, 1);
        need(woken.effects.act === 'open', 'it does not try');
        const { effects } = step(woken.state, { type: 'ended', attempt: 2, livedMs: 0, code: 1006 }, patient, 1);
        need(effects.retryInMs === Math.min(2 * settings.minDelayMs, settings.maxDelayMs), 'it waits as before');
      }),
      100,
    );
    expect(found).toBeUndefined();
  });

  it('ends every delay when it is told to retry, the server’s included, and checks a connection that there is', () => {
    for (const told of [false, true]) {
      const waiting: MachineState = { ...INITIAL, phase: 'waiting', attempt: 1, waitedMs: 60_000, told };
      const tried = run(waiting, { type: 'retry' });
      expect(tried).toMatchObject({ state: { phase: 'opening', waitedMs: 0, told: false }, effects: { act: 'open' } });
      expect(run(tried.state, { type: 'retry' }).effects).toEqual({});
    }
    const connected: MachineState = { ...INITIAL, phase: 'connected', attempt: 1 };
    expect(run(connected, { type: 'retry' }).effects).toEqual({ act: 'ping', timerMs: 2000 });
  });

  it('makes no attempt after a 4xx refusal, whatever gives the token, except 408, 425 and 429', () => {
    for (let status = 400; status < 500; status += 1) {
      for (const renewable of [false, true]) {
        const settings = { ...USUAL, renewable };
        const { state } = step(INITIAL, { type: 'connect' }, settings, 0);
        const { phase } = step(state, { type: 'ended', attempt: 1, livedMs: 0, status }, settings, 0).state;
        const isOpening = renewable && status === 401;
        expect([status, phase]).toEqual([
          status,
          isOpening ? 'opening' : [408, 425, 429].includes(status) ? 'waiting' : 'closed',
        ]);
      }
    }
  });

  it('never waits longer than it has waited before, or a few times the least delay', () => {
    const found = violation((played, { minDelayMs }) => {
      for (const { before, event, effects, after } of played) {
        if (after.phase !== 'waiting' || after.told || event.type === 'offline') continue;
        // Clients that have lost a connection may all have lost it at one moment.
        const least = (before.phase === 'connected' ? 8 : 2) * minDelayMs;
        need((effects.retryInMs ?? 0) <= Math.max(least, before.waitedMs), 'it waits too long');
      }
    });
    expect(found).toBeUndefined();
  });

  it('comes back within seconds to a server that was away for two, also after the third break in a row', () => {
    const AWAY_MS = 2000;
    const longest = (random: () => number): number => {
      let { state } = run(INITIAL, { type: 'connect' });
      let clock = 0;
      let longestMs = 0;
      for (let broken = 0; broken < 3; broken += 1) {
        ({ state } = run(state, { type: 'connected', attempt: state.attempt, heartbeatMs: 1 }));
        const backAt = clock + AWAY_MS;
        let end: MachineEvent = { type: 'ended', attempt: state.attempt, livedMs: 1000, code: 1006 };
        do {
          const failed = step(state, end, USUAL, random());
          clock += failed.effects.retryInMs ?? 0;
          ({ state } = run(failed.state, { type: 'timer', silentMs: 0, answered: true, graceMs: 0 }));
          end = { type: 'ended', attempt: state.attempt, livedMs: 0, code: 1006 };
        } while (clock < backAt);
        longestMs = Math.max(longestMs, clock - backAt);
      }
      return longestMs;
    };
    const found = counterexample(
      fc.property(fc.infiniteStream(fc.double({ min: 0, max: 1, noNaN: true })), (stream) => {
        const longestMs = longest(() => stream.next().value);
        need(longestMs <= STABLE_MS + AWAY_MS, `it waits ${longestMs} ms`);
      }),
      2000,
    );
    expect(found).toBeUndefined();
  });
});
