import { backOff, type Delays } from './back-off.js';

/**
 * The life of a client's connections as a function: from where it stands and what happens to where it stands then and
 * what is to be done. It does nothing itself, knows no clock and draws no random numbers.
 *
 * There is one timer, and it means what the phase says: the end of patience (`opening`), the next attempt
 * (`waiting`), or a look at how long nothing has come (`connected`).
 */
export interface MachineState {
  readonly phase: 'closed' | 'opening' | 'connected' | 'waiting';
  /** Counts attempts. What happens to an earlier one is of the past. */
  readonly attempt: number;
  /** Attempts in a row that led to no connection. */
  readonly failures: number;
  /** Sum of the delays since a connection was last a good one: the next delay is drawn up to it. */
  readonly waitedMs: number;
  /** There has been a connection since it was opened. */
  readonly returning: boolean;
  /** The server refused the last token. */
  readonly refused: boolean;
  /** One new token has been tried without delay. */
  readonly renewed: boolean;
  /** Silence after which a sign of life is asked for; 0 for never. */
  readonly intervalMs: number;
  /** It has been asked for, and not come yet. */
  readonly asked: boolean;
  /** When the server wants the client back, once it has announced its end. */
  readonly returnInMs: number | undefined;
  /** The delay is the server's: only the application cuts it short. */
  readonly told: boolean;
}

export interface MachineOptions extends Delays {
  readonly maxAttempts: number;
  readonly connectTimeoutMs: number;
  /** `undefined`: the server's heartbeat */
  readonly livenessMs: number | undefined;
  readonly livenessTimeoutMs: number;
  /** Tokens come from a function, so that there can be another one. */
  readonly renewable: boolean;
}

export type MachineEvent =
  | { readonly type: 'connect' | 'close'; readonly attempt?: undefined }
  | { readonly type: 'connected'; readonly attempt: number; readonly heartbeatMs: number }
  | { readonly type: 'draining'; readonly attempt: number; readonly reconnectInMs: number }
  | ({ readonly type: 'ended'; readonly attempt: number; readonly livedMs: number } & End)
  | ({ readonly type: 'timer'; readonly attempt?: undefined } & Look)
  /** The network or the machine is back: a good moment to try, and to see whether the connection is still there. */
  | { readonly type: 'wake' | 'offline'; readonly attempt?: undefined }
  /** The application wants it tried at once. */
  | { readonly type: 'retry'; readonly attempt?: undefined }
  /** The connection cannot be gone on with. */
  | ({ readonly type: 'abandon'; readonly attempt?: undefined } & End);

interface Look {
  /** How long nothing has come. */
  readonly silentMs: number;
  /** Something has come since the last `ping`. */
  readonly answered: boolean;
  /** The server has a reason to be silent for so long yet. */
  readonly graceMs: number;
}

/** How a connection or an attempt ended. */
export interface End {
  readonly code?: number | undefined;
  /** HTTP status of a refusal, where the WebSocket tells it. */
  readonly status?: number | undefined;
  readonly retryAfterMs?: number | undefined;
  readonly reason?: string | undefined;
  readonly cause?: unknown;
  /** It would end in the same way every time. */
  readonly fatal?: boolean | undefined;
}

/** What is to be done, in this order. */
export interface Effects {
  /** Forget the attempt: without waiting for anything, or after a close in good order. */
  readonly release?: 'drop' | 'goodbye';
  /** Set the timer, in place of what it was set to; 0 stops it. */
  readonly timerMs?: number;
  /** Tell of it. */
  readonly announce?: End;
  readonly retryInMs?: number;
  readonly act?: 'open' | 'ping';
}

export interface Step {
  readonly state: MachineState;
  readonly effects: Effects;
}

/**
 * The first delay after a connection is drawn up to this multiple of the lower bound. All clients of a server that is
 * lost draw at one moment, and the next server has to take them one by one.
 */
const SPREAD = 8;
/** A connection that lasted so long has been a good one. After a shorter one, the first delay is no longer than this. */
export const STABLE_MS = 5000;
/** So long a server may take to answer when there is reason to think that the connection is dead. */
export const WAKE_TIMEOUT_MS = 2000;
/** A server's own delay counts up to here; beyond, timers misread it. */
export const MAX_TOLD_MS = 3_600_000;
/** For a server without a heartbeat. */
const DEFAULT_LIVENESS_MS = 30_000;

/** Timeout, too early, too many requests: of all 4xx, these alone do not say that the request itself is wrong. */
const PASSING_STATUSES = new Set([408, 425, 429]);
const TOKEN_EXPIRED = 4401;

export const INITIAL: MachineState = {
  phase: 'closed',
  attempt: 0,
  failures: 0,
  waitedMs: 0,
  returning: false,
  refused: false,
  renewed: false,
  intervalMs: 0,
  asked: false,
  returnInMs: undefined,
  told: false,
};

/** @param random from 0 to 1 */
export function step(state: MachineState, event: MachineEvent, options: MachineOptions, random: number): Step {
  const { phase } = state;
  const { type } = event;
  const isConnected = phase === 'connected';
  const stay = { state, effects: {} };
  if (event.attempt !== undefined && event.attempt !== state.attempt) return stay;
  if (phase === 'closed') {
    return type === 'connect' ? begin({ ...INITIAL, attempt: state.attempt }, options, { announce: {} }) : stay;
  }
  switch (type) {
    case 'close':
      return shut(state, { reason: 'closed' }, 'goodbye');
    case 'connected':
      return phase === 'opening' ? connected(state, event.heartbeatMs, options) : stay;
    case 'draining':
      return { state: { ...state, returnInMs: Math.max(0, Math.min(event.reconnectInMs, MAX_TOLD_MS)) }, effects: {} };
    case 'ended':
      return phase === 'waiting' ? stay : ended(state, event, options, random);
    case 'abandon':
      return isConnected ? failed(state, event, options, random) : stay;
    case 'timer':
      if (phase === 'waiting') return begin(state, options);
      return isConnected ? look(state, event, options, random) : failed(state, { reason: 'timeout' }, options, random);
    case 'wake':
    case 'retry':
      // What went wrong before says nothing of now, and the network may need a moment yet.
      if (phase === 'waiting' && !(state.told && type === 'wake')) return begin({ ...state, waitedMs: 0 }, options);
      return isConnected && !state.asked ? ask(state, Math.min(options.livenessTimeoutMs, WAKE_TIMEOUT_MS)) : stay;
    case 'offline':
      // The platform may be wrong, so that it is tried all the same, if rarely.
      return state.told ? stay : wait(state, { reason: 'offline' }, options.maxDelayMs);
    case 'connect':
      break;
  }
  return stay;
}

function begin(state: MachineState, { connectTimeoutMs }: MachineOptions, effects: Effects = {}): Step {
  return {
    state: { ...state, phase: 'opening', attempt: state.attempt + 1, told: false, returnInMs: undefined },
    effects: { ...effects, timerMs: connectTimeoutMs, act: 'open' },
  };
}

function connected(state: MachineState, heartbeatMs: number, { livenessMs }: MachineOptions): Step {
  const intervalMs = livenessMs ?? (heartbeatMs || DEFAULT_LIVENESS_MS);
  // Whatever happens to the connection, the server is there: what was waited for it counts for little.
  const waitedMs = Math.min(state.waitedMs, STABLE_MS);
  const next = { ...state, failures: 0, waitedMs, returning: true, refused: false, intervalMs, asked: false };
  return {
    state: { ...next, phase: 'connected' },
    effects: { timerMs: intervalMs, announce: {} },
  };
}

function ended(state: MachineState, end: End & { livedMs: number }, options: MachineOptions, random: number): Step {
  const { code = 0, status = 0, fatal } = end;
  const settled = end.livedMs >= STABLE_MS;
  const next = { ...state, waitedMs: settled ? 0 : state.waitedMs, renewed: state.renewed && !settled };
  if (options.renewable && (code === TOKEN_EXPIRED || status === 401)) {
    const refused = { ...next, refused: true };
    if (next.renewed) return failed(refused, end, options, random);
    return begin({ ...refused, renewed: true }, options, { release: 'drop', announce: end, retryInMs: 0 });
  }
  const isWrong = status >= 400 && status < 500 && !PASSING_STATUSES.has(status);
  if (fatal || isWrong || (code >= 4400 && code < 4500)) return shut(next, end, 'drop');
  if (state.returnInMs !== undefined) return wait(next, end, state.returnInMs, true);
  return failed(next, end, options, random);
}

/** Tries again after a delay, unless it has been tried often enough. */
function failed(state: MachineState, end: End, options: MachineOptions, random: number): Step {
  const isLost = state.phase === 'connected';
  const failures = isLost ? 0 : state.failures + 1;
  if (failures >= options.maxAttempts) return shut(state, end, 'drop');
  const delay = backOff(Math.max(state.waitedMs, isLost ? SPREAD * options.minDelayMs : 0), options, random);
  const { retryAfterMs = state.returnInMs ?? -1 } = end;
  const next = { ...state, failures, waitedMs: state.waitedMs + delay };
  return wait(next, end, Math.max(delay, Math.min(retryAfterMs, MAX_TOLD_MS)), retryAfterMs >= 0);
}

function wait(state: MachineState, end: End, delayMs: number, told = false): Step {
  // The timer's 0 is for never; a server's delay may have a fraction.
  const ms = Math.max(1, Math.round(delayMs));
  return {
    state: { ...state, phase: 'waiting', returnInMs: undefined, told },
    effects: { release: 'drop', timerMs: ms, announce: end, retryInMs: ms },
  };
}

function shut({ attempt }: MachineState, end: End, release: 'drop' | 'goodbye'): Step {
  return { state: { ...INITIAL, attempt }, effects: { release, timerMs: 0, announce: end } };
}

function ask(state: MachineState, timerMs: number): Step {
  return { state: { ...state, asked: true }, effects: { timerMs, act: 'ping' } };
}

function look(
  state: MachineState,
  { silentMs, answered, graceMs }: Look,
  options: MachineOptions,
  random: number,
): Step {
  const { intervalMs, asked } = state;
  if (asked && !answered) {
    if (graceMs > 0) return { state, effects: { timerMs: graceMs } };
    return failed({ ...state, waitedMs: 0 }, { reason: 'silent' }, options, random);
  }
  const restMs = intervalMs - silentMs;
  // Timers may be early by a part of a millisecond.
  if (intervalMs > 0 && restMs < 1) return ask(state, options.livenessTimeoutMs);
  return { state: { ...state, asked: false }, effects: { timerMs: intervalMs > 0 ? restMs : 0 } };
}
