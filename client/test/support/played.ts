import * as fc from 'fast-check';

import {
  INITIAL,
  STABLE_MS,
  step,
  type Effects,
  type MachineEvent,
  type MachineOptions,
  type MachineState,
} from '../../src/machine.js';
import { counterexample } from './counterexample.js';

/** Any settings. */
export const options: fc.Arbitrary<MachineOptions> = fc.record({
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

/** One step of a script. */
export interface Played {
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

/** Plays scripts with settings, and looks for one in which a check fails. */
export const violation = (check: (played: Played[], settings: MachineOptions) => void): unknown => {
  const random = fc.double({ min: 0, max: 1, noNaN: true });
  return counterexample(
    fc.property(scripts, options, random, (script, settings, drawn) => check(play(script, settings, drawn), settings)),
    3000,
  );
};

/** The settings of most tests. */
export const USUAL: MachineOptions = {
  minDelayMs: 500,
  maxDelayMs: 30_000,
  maxAttempts: Infinity,
  connectTimeoutMs: 10_000,
  livenessMs: undefined,
  livenessTimeoutMs: 5000,
  renewable: false,
};

/** Takes one step with these settings. */
export const run = (state: MachineState, event: MachineEvent): ReturnType<typeof step> =>
  step(state, event, USUAL, 0.5);
