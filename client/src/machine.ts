import { backOff, type Delays } from './back-off.js';

/**
 * The life of a client's connections as a function: from where it stands and what happens to where it stands then and
 * what is to be done. It does nothing itself, knows no clock and draws no random numbers.
 *
 * There is one timer, and it means what the phase says: the end of patience (`authorizing`, `opening`), the next attempt
 * (`waiting`), or a look at how long nothing has come (`connected`).
 */
export interface MachineState {
  readonly phase: 'closed' | 'authorizing' | 'opening' | 'connected' | 'waiting';
  /** Counts attempts. What happens to an earlier one is of the past. */
  readonly attempt: number;
  /** Attempts in a row that led to no connection. */
  readonly failures: number;
  /** How far the delays have grown. A connection that does not last lets them grow, too. */
  readonly growth: number;
  /** There has been a connection since it was opened. */
  readonly returning: boolean;
  /** The server refused the last token. */
  readonly refused: boolean;
  /** One new token has been tried without delay. */
  readonly renewed: boolean;
  /** Silence after which a sign of life is asked for; 0 for never. */
  readonly intervalMs: number;
  /** So long the server has to answer; 0 when it has not been asked. */
  readonly askedMs: number;
  /** When the server wants the client back, once it has announced its end. */
  readonly returnInMs: number | undefined;
  /** The delay is the server's: nothing cuts it short. */
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
  | { readonly type: 'connect' }
  | { readonly type: 'close' }
  | { readonly type: 'authorized'; readonly attempt: number }
  | { readonly type: 'unauthorized'; readonly attempt: number }
  | { readonly type: 'connected'; readonly attempt: number; readonly heartbeatMs: number }
  | { readonly type: 'draining'; readonly attempt: number; readonly reconnectInMs: number }
  | ({ readonly type: 'ended'; readonly attempt: number; readonly livedMs: number } & End)
  /** @param graceMs the server has a reason to be silent for so long yet */
  | { readonly type: 'timer'; readonly silentMs: number; readonly graceMs: number }
  /** The network or the machine is back: a good moment to try, and to see whether the connection is still there. */
  | { readonly type: 'wake' }
  | { readonly type: 'offline' }
  /** The connection cannot be gone on with. */
  | ({ readonly type: 'abandon' } & End);

/** How a connection or an attempt ended. */
export interface End {
  readonly code?: number;
  /** HTTP status of a refusal, where the WebSocket tells it. */
  readonly status?: number;
  readonly retryAfterMs?: number;
  readonly reason?: string;
  /** It would end in the same way every time. */
  readonly fatal?: boolean;
}

export type Effect =
  | { readonly type: 'authorize'; readonly attempt: number; readonly reason: 'connect' | 'refused' }
  | { readonly type: 'open'; readonly attempt: number }
  /** Forget the attempt, without waiting for anything. */
  | { readonly type: 'drop' }
  /** Close in good order, and forget. */
  | { readonly type: 'goodbye' }
  | { readonly type: 'ping' }
  /** Set the timer, in place of what it was set to; 0 stops it. */
  | { readonly type: 'timer'; readonly ms: number }
  | { readonly type: 'announce'; readonly end: End; readonly retryInMs?: number };

export interface Step {
  readonly state: MachineState;
  readonly effects: readonly Effect[];
}

/** A connection that lasted so long has been a good one. */
export const STABLE_MS = 5000;
/** So long a server may take to answer when there is reason to think that the connection is dead. */
export const WAKE_TIMEOUT_MS = 2000;
/** A server's own delay counts up to here; beyond, timers misread it. */
export const MAX_TOLD_MS = 3_600_000;
/** For a server without a heartbeat. */
const DEFAULT_LIVENESS_MS = 30_000;

/** The request itself is wrong, or the user not welcome: there is no use in trying again. */
const FATAL_STATUSES = new Set([400, 401, 403, 404, 426]);
const TOKEN_EXPIRED = 4401;

export const INITIAL: MachineState = {
  phase: 'closed',
  attempt: 0,
  failures: 0,
  growth: 0,
  returning: false,
  refused: false,
  renewed: false,
  intervalMs: 0,
  askedMs: 0,
  returnInMs: undefined,
  told: false,
};

const stay = (state: MachineState): Step => ({ state, effects: [] });

/** @param random from 0 to 1 */
export function step(state: MachineState, event: MachineEvent, options: MachineOptions, random: number): Step {
  if ('attempt' in event && event.attempt !== state.attempt) return stay(state);
  const { phase } = state;
  const live = phase !== 'closed' && phase !== 'waiting';
  switch (event.type) {
    case 'connect':
      return phase === 'closed' ? begin({ ...INITIAL, attempt: state.attempt }, options, [announce()]) : stay(state);
    case 'close':
      return phase === 'closed' ? stay(state) : shut(state, { reason: 'closed by the application' }, 'goodbye');
    case 'authorized':
      return phase === 'authorizing' ? open(state, options) : stay(state);
    case 'unauthorized':
      if (phase !== 'authorizing') return stay(state);
      return failed(state, { reason: 'no token' }, options, random);
    case 'connected':
      return phase === 'opening' ? connected(state, event.heartbeatMs, options) : stay(state);
    case 'draining':
      return stay({ ...state, returnInMs: Math.max(0, Math.min(event.reconnectInMs, MAX_TOLD_MS)) });
    case 'ended':
      return live ? ended(state, event, options, random) : stay(state);
    case 'abandon':
      return phase === 'connected' ? failed(state, event, options, random) : stay(state);
    case 'timer':
      return timer(state, event, options, random);
    case 'wake':
      if (phase === 'waiting' && !state.told) return begin(state, options);
      if (phase !== 'connected' || state.askedMs > 0) return stay(state);
      return ask(state, Math.min(options.livenessTimeoutMs, WAKE_TIMEOUT_MS));
    case 'offline':
      if (phase === 'closed' || state.told) return stay(state);
      // The platform may be wrong, so that it is tried all the same, if rarely.
      return wait(state, { reason: 'offline' }, options.maxDelayMs);
  }
}

function announce(end: End = {}, retryInMs?: number): Effect {
  return retryInMs === undefined ? { type: 'announce', end } : { type: 'announce', end, retryInMs };
}

function begin(state: MachineState, options: MachineOptions, effects: readonly Effect[] = []): Step {
  const next = { ...state, attempt: state.attempt + 1, told: false, returnInMs: undefined, askedMs: 0 };
  if (!options.renewable) return open(next, options, effects);
  const reason = state.refused ? 'refused' : 'connect';
  const authorize = { type: 'authorize', attempt: next.attempt, reason } as const;
  const patience = { type: 'timer', ms: options.connectTimeoutMs } as const;
  return { state: { ...next, phase: 'authorizing' }, effects: [...effects, patience, authorize] };
}

function open(state: MachineState, options: MachineOptions, effects: readonly Effect[] = []): Step {
  const patience = { type: 'timer', ms: options.connectTimeoutMs } as const;
  return {
    state: { ...state, phase: 'opening' },
    effects: [...effects, patience, { type: 'open', attempt: state.attempt }],
  };
}

function connected(state: MachineState, heartbeatMs: number, options: MachineOptions): Step {
  const intervalMs = options.livenessMs ?? (heartbeatMs || DEFAULT_LIVENESS_MS);
  return {
    state: { ...state, phase: 'connected', failures: 0, returning: true, refused: false, intervalMs },
    effects: [{ type: 'timer', ms: intervalMs }, announce()],
  };
}

function ended(state: MachineState, end: End & { livedMs: number }, options: MachineOptions, random: number): Step {
  const { code = 0, status = 0, livedMs } = end;
  const settled = livedMs >= STABLE_MS;
  const next = { ...state, growth: settled ? 0 : state.growth, renewed: state.renewed && !settled };
  if (options.renewable && (code === TOKEN_EXPIRED || status === 401)) {
    const refused = { ...next, refused: true };
    if (next.renewed) return failed(refused, end, options, random);
    const renewed = { ...refused, renewed: true };
    return begin(renewed, options, [{ type: 'drop' }, announce(end, 0)]);
  }
  if (end.fatal === true || (code >= 4400 && code < 4500) || FATAL_STATUSES.has(status)) return shut(next, end, 'drop');
  if (state.returnInMs !== undefined) return wait(next, end, state.returnInMs, true);
  return failed(next, end, options, random);
}

/** Tries again after a delay, unless it has been tried often enough. */
function failed(state: MachineState, end: End, options: MachineOptions, random: number): Step {
  const failures = state.phase === 'connected' ? 0 : state.failures + 1;
  if (failures >= options.maxAttempts) return shut(state, end, 'drop');
  const delay = backOff(state.growth, options, random);
  const { retryAfterMs } = end;
  const told = retryAfterMs !== undefined;
  const next = { ...state, failures, growth: state.growth + 1 };
  return wait(next, end, told ? Math.max(delay, Math.min(retryAfterMs, MAX_TOLD_MS)) : delay, told);
}

function wait(state: MachineState, end: End, delayMs: number, told = false): Step {
  // The timer's 0 is for never.
  const ms = Math.max(1, delayMs);
  return {
    state: { ...state, phase: 'waiting', askedMs: 0, returnInMs: undefined, told },
    effects: [{ type: 'drop' }, { type: 'timer', ms }, announce(end, ms)],
  };
}

function shut(state: MachineState, end: End, how: 'drop' | 'goodbye'): Step {
  return {
    state: { ...INITIAL, attempt: state.attempt },
    effects: [{ type: how }, { type: 'timer', ms: 0 }, announce(end)],
  };
}

function ask(state: MachineState, withinMs: number): Step {
  return { state: { ...state, askedMs: withinMs }, effects: [{ type: 'ping' }, { type: 'timer', ms: withinMs }] };
}

function timer(
  state: MachineState,
  { silentMs, graceMs }: { silentMs: number; graceMs: number },
  options: MachineOptions,
  random: number,
): Step {
  switch (state.phase) {
    case 'closed':
      return stay(state);
    case 'waiting':
      return begin(state, options);
    case 'authorizing':
    case 'opening':
      return failed(state, { reason: 'timeout' }, options, random);
    case 'connected':
      return look(state, silentMs, graceMs, options, random);
  }
}

function look(state: MachineState, silentMs: number, graceMs: number, options: MachineOptions, random: number): Step {
  const { intervalMs, askedMs } = state;
  // Timers may be early by a part of a millisecond.
  const silent = silentMs + 1 >= (askedMs || intervalMs);
  if (!silent) {
    // After a question the interval may be over already, or switched off.
    const ms = intervalMs === 0 ? 0 : Math.max(1, intervalMs - silentMs);
    return { state: { ...state, askedMs: 0 }, effects: [{ type: 'timer', ms }] };
  }
  if (askedMs === 0) return ask(state, options.livenessTimeoutMs);
  if (graceMs > 0) {
    return { state: { ...state, askedMs: askedMs + graceMs }, effects: [{ type: 'timer', ms: graceMs }] };
  }
  return failed({ ...state, growth: 0 }, { reason: 'silent' }, options, random);
}
