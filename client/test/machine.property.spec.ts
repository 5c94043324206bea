import * as fc from 'fast-check';

import {
  INITIAL,
  MAX_TOLD_MS,
  STABLE_MS,
  step,
  type Effects,
  type MachineEvent,
  type MachineOptions,
  type MachineState,
} from '../src/machine.js';
import { settingsOf } from '../src/settings.js';
import { Seeded } from '../../test/support/seeded.js';
import { counterexample, need } from './support/counterexample.js';

const options: fc.Arbitrary<MachineOptions> = fc.record({
  minDelayMs: fc.integer({ min: 1, max: 1000 }),
  maxDelayMs: fc.integer({ min: 1000, max: 60_000 }),
  maxAttempts: fc.constantFrom(Infinity, 1, 3),
  connectTimeoutMs: fc.constantFrom(0, 10_000),
  livenessMs: fc.constantFrom(undefined, 0, 1000),
  livenessTimeoutMs: fc.constant(5000),
  renewable: fc.boolean(),
});

/** `past`: of an attempt that is over */
type Script = {
  readonly type: MachineEvent['type'];
  readonly past: boolean;
  readonly how: number;
};

const scripts = fc.array(
  fc.record({
    type: fc.constantFrom<Script['type']>(
      'connect',
      'close',
      'connected',
      'connected',
      'draining',
      'ended',
      'timer',
      'timer',
      'wake',
      'retry',
      'offline',
      'abandon',
    ),
    past: fc.integer({ min: 0, max: 9 }).map((n) => n === 0),
    how: fc.nat(20),
  }),
  { maxLength: 60 },
);

const ENDS = [
  { code: 1006 },
  { code: 1001 },
  { code: 4401 },
  { code: 4403 },
  { code: 4508 },
  { status: 401 },
  { status: 403 },
  { status: 429, retryAfterMs: 5000.3 },
  { status: 431 },
  { status: 503, retryAfterMs: 1e12 },
  { status: 502 },
];

function eventOf({ type, past, how }: Script, { attempt: now }: MachineState): MachineEvent {
  const attempt = past ? now - 1 : now;
  switch (type) {
    case 'connected':
      return { type, attempt, heartbeatMs: how % 2 === 0 ? 0 : 30_000 };
    case 'draining':
      return { type, attempt, reconnectInMs: how % 2 === 0 ? how * 100.7 : 1e12 };
    case 'ended':
      return { type, attempt, livedMs: how % 2 === 0 ? 0 : STABLE_MS, ...ENDS[how % ENDS.length] };
    case 'timer':
      return { type, silentMs: how * 1000, answered: how % 3 === 0, graceMs: how % 5 === 0 ? 1000 : -1 };
    case 'abandon':
      return { type, reason: 'test' };
    case 'connect':
    case 'close':
    case 'wake':
    case 'retry':
    case 'offline':
      break;
  }
  return { type };
}

interface Played {
  readonly before: MachineState;
  readonly event: MachineEvent;
  readonly after: MachineState;
  readonly effects: Effects;
}

function play(script: readonly Script[], settings: MachineOptions, random: number): Played[] {
  let state = INITIAL;
  return script.map((entry) => {
    const before = state;
    const event = eventOf(entry, before);
    const { state: after, effects } = step(before, event, settings, random);
    state = after;
    return { before, event, after, effects };
  });
}

const violation = (check: (played: Played[], settings: MachineOptions) => void): unknown => {
  const random = fc.double({ min: 0, max: 1, noNaN: true });
  return counterexample(
    fc.property(scripts, options, random, (script, settings, drawn) => check(play(script, settings, drawn), settings)),
    3000,
  );
};

const USUAL: MachineOptions = {
  minDelayMs: 500,
  maxDelayMs: 30_000,
  maxAttempts: Infinity,
  connectTimeoutMs: 10_000,
  livenessMs: undefined,
  livenessTimeoutMs: 5000,
  renewable: false,
};

const run = (state: MachineState, event: MachineEvent): ReturnType<typeof step> => step(state, event, USUAL, 0.5);

describe('the state machine of a connection', () => {
  it('never has two sockets, and none but while it opens or has a connection', () => {
    const found = violation((played) => {
      let open: number | undefined;
      for (const { effects, after } of played) {
        if (effects.release !== undefined) open = undefined;
        if (effects.act === 'open') {
          need(open === undefined, 'two sockets');
          open = after.attempt;
        }
        const holds = after.phase === 'opening' || after.phase === 'connected';
        need(open === (holds ? after.attempt : undefined), 'a socket too many or too few');
      }
    });
    expect(found).toBeUndefined();
  });

  it('does nothing after it was closed until it is told to connect', () => {
    const found = violation((played) => {
      for (const { before, event, after, effects } of played) {
        if (before.phase !== 'closed' || event.type === 'connect') continue;
        need(after === before && Object.keys(effects).length === 0, 'it does something');
      }
    });
    expect(found).toBeUndefined();
  });

  it('is deaf to what happens to an attempt that is over', () => {
    const found = violation((played) => {
      for (const { before, event, after, effects } of played) {
        if (event.attempt === undefined || event.attempt === before.attempt) continue;
        need(after === before && Object.keys(effects).length === 0, 'it hears');
      }
    });
    expect(found).toBeUndefined();
  });

  it('never comes back by itself from what says that there is no use', () => {
    const found = violation((played, { renewable }) => {
      for (const { before, event, after } of played) {
        if (event.type !== 'ended' || event.attempt !== before.attempt) continue;
        if (before.phase === 'waiting' || before.phase === 'closed') continue;
        const fatal = event.code === 4403 || event.status === 403 || event.status === 431;
        const refused = event.code === 4401 || event.status === 401;
        const isLast = refused && before.renewed && event.livedMs < STABLE_MS;
        need(!(fatal || (refused && !renewable)) || after.phase === 'closed', 'it is not closed');
        need(!isLast || after.phase !== 'opening', 'it hammers');
      }
    });
    expect(found).toBeUndefined();
  });

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

  it('spreads the clients of a lost server so that no tenth of a second has more than 5 % of them', () => {
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

  it('begins its delays anew when it wakes, unless the delay is the server’s', () => {
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

  it('Being told to retry ends every delay, the server’s included, and checks a connection that there is', () => {
    for (const told of [false, true]) {
      const waiting: MachineState = { ...INITIAL, phase: 'waiting', attempt: 1, waitedMs: 60_000, told };
      const tried = run(waiting, { type: 'retry' });
      expect(tried).toMatchObject({ state: { phase: 'opening', waitedMs: 0, told: false }, effects: { act: 'open' } });
      expect(run(tried.state, { type: 'retry' }).effects).toEqual({});
    }
    const connected: MachineState = { ...INITIAL, phase: 'connected', attempt: 1 };
    expect(run(connected, { type: 'retry' }).effects).toEqual({ act: 'ping', timerMs: 2000 });
  });

  it('No attempt follows a 4xx refusal, whatever gives the token, except 408, 425 and 429', () => {
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

  it('A client never waits longer than it has waited before, or a few times the least delay', () => {
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

  it('A client whose connection broke three times in a row comes back within seconds to a server that was away for two', () => {
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

  it('gets connected from wherever it is, once the server is there', () => {
    const found = violation((played, settings) => {
      let state = played.at(-1)?.after ?? INITIAL;
      if (state.phase === 'closed') state = step(state, { type: 'connect' }, settings, 0).state;
      for (let turn = 0; turn < 10 && state.phase !== 'connected'; turn += 1) {
        const { attempt } = state;
        const next: MachineEvent =
          state.phase === 'waiting'
            ? { type: 'timer', silentMs: 0, answered: true, graceMs: 0 }
            : { type: 'connected', attempt, heartbeatMs: 1 };
        state = step(state, next, settings, 0).state;
      }
      need(state.phase === 'connected', 'it does not');
    });
    expect(found).toBeUndefined();
  });

  it('always has something coming: a timer, unless there is no bound to what it waits for', () => {
    const found = violation((played, { connectTimeoutMs, livenessMs }) => {
      let timer = 0;
      for (const { effects, after } of played) {
        timer = effects.timerMs ?? timer;
        const isTrying = after.phase === 'opening';
        need(after.phase !== 'waiting' || timer > 0, 'it waits for ever');
        need(!isTrying || timer === connectTimeoutMs, 'no patience, or too much');
        need(after.phase !== 'connected' || livenessMs === 0 || timer > 0, 'it does not look');
        need(after.phase !== 'closed' || timer === 0, 'it is not quiet');
      }
    });
    expect(found).toBeUndefined();
  });

  it('asks a silent server for a sign of life, and drops it when there is none', () => {
    let { state } = run(INITIAL, { type: 'connect' });
    ({ state } = run(state, { type: 'connected', attempt: 1, heartbeatMs: 30_000 }));
    const look = (from: MachineState, silentMs: number, answered: boolean, graceMs = -1): ReturnType<typeof step> =>
      run(from, { type: 'timer', silentMs, answered, graceMs });
    const busy = look(state, 100, false);
    expect(busy.effects).toEqual({ timerMs: 29_900 });
    const asked = look(busy.state, 30_000, false);
    expect(asked.effects).toEqual({ act: 'ping', timerMs: 5000 });
    // However soon the answer came, and however late the timer is.
    const answered = look(asked.state, 6000, true);
    expect(answered).toMatchObject({ state: { phase: 'connected', asked: false }, effects: { timerMs: 24_000 } });
    const excused = look(asked.state, 35_000, false, 700);
    expect(excused.effects).toEqual({ timerMs: 700 });
    const silent = look(excused.state, 35_700, false);
    expect(silent).toMatchObject({ state: { phase: 'waiting' }, effects: { release: 'drop' } });
  });
});
