import type { Envelope } from '../../src/protocol/envelope.js';
import type { ConnectedPayload } from '../../src/protocol/messages.js';
import { RookeryError, clientError } from './errors.js';
import { isBounded } from './limited.js';
import {
  INITIAL,
  step,
  type Effects,
  type End,
  type MachineEvent,
  type MachineOptions,
  type MachineState,
} from './machine.js';
import type { TokenFunction, WebSocketConstructor } from './options.js';
import { openSocket, type Socket } from './socket.js';
import { watchSurroundings } from './wake.js';

/**
 * `connecting`: no connection yet; `connected`; `reconnecting`: the connection is gone, and another one is tried for;
 * `closed`: nothing is tried, until `connect()` is called.
 */
export type ClientState = 'connecting' | 'connected' | 'reconnecting' | 'closed';

/** Comes with every change of state, and when the next attempt is put off. */
export interface StateChange {
  readonly state: ClientState;
  readonly previous: ClientState;
  /** In words, for people: how the connection or the attempt ended. */
  readonly reason?: string | undefined;
  /** The close code of the connection that ended; see PROTOCOL.md, section 7.2. */
  readonly code?: number | undefined;
  /** The HTTP status of the refusal, where the WebSocket tells it. */
  readonly status?: number | undefined;
  /**
   * The error that ended it, where there is one: the server's refusal (a `RookeryError` with its code), what the token
   * function threw, or the network's own error, where the WebSocket tells it.
   */
  readonly cause?: unknown;
  /** In how many whole milliseconds the next attempt comes. */
  readonly retryInMs?: number | undefined;
}

export interface ConnectionListener {
  /** Where to connect to. */
  address(): string | Promise<string>;
  onUp(session: ConnectedPayload, send: (text: string) => void): void;
  onMessage(envelope: Envelope): void;
  onDown(): void;
  onState(change: StateChange): void;
  onError(error: RookeryError): void;
  readonly onHide: () => void;
  /** Asks the server for a sign of life. */
  ping(): void;
  /** Until then it has a reason to be silent. */
  graceMs(): number;
}

export interface ConnectionOptions extends MachineOptions {
  readonly token: string | TokenFunction | undefined;
  readonly WebSocket: WebSocketConstructor | undefined;
}

/** Does what the state machine says: sockets, timers, tokens. */
export function createConnection(options: ConnectionOptions, listener: ConnectionListener) {
  let state: MachineState = INITIAL;
  /** Of the present connection. */
  let session: ConnectedPayload | undefined;
  let socket: Socket | undefined;
  let asking: AbortController | undefined;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let heardAt = 0;
  /** How much was heard, and how much before the server was asked for a sign of life. */
  let heard = 0;
  let heardBefore = 0;
  let connectedAt = 0;
  let announced: ClientState = 'closed';
  let unwatch: (() => void) | undefined;
  const events: MachineEvent[] = [];
  let working = false;

  /** One event after the other, whatever the effects of one of them bring about. */
  function dispatch(event: MachineEvent): void {
    events.push(event);
    if (working) return;
    working = true;
    try {
      for (let next = events.shift(); next !== undefined; next = events.shift()) {
        const result = step(state, next, options, Math.random());
        ({ state } = result);
        run(result.effects);
      }
    } finally {
      working = false;
    }
    watch();
  }

  /** Has a token from where tokens come from. */
  async function getToken(reason: 'connect' | 'expiring' | 'refused'): Promise<string | undefined> {
    const { token: given, connectTimeoutMs } = options;
    if (typeof given !== 'function') return given;
    const controller = new AbortController();
    if (reason !== 'expiring') asking = controller;
    const patience = isBounded(connectTimeoutMs) ? setTimeout(() => controller.abort(), connectTimeoutMs) : undefined;
    try {
      return await given({ reason, signal: controller.signal });
    } catch (error) {
      const { code, message } = Object(error) as RookeryError;
      if (code === 'SIGNED_OUT') end(state.attempt, { fatal: true, reason: message, cause: error });
      throw clientError('TOKEN_FAILED', `No token: ${String(error)}`, undefined, error);
    } finally {
      clearTimeout(patience);
    }
  }

  function watch(): void {
    if (state.phase === 'closed') {
      unwatch?.();
      unwatch = undefined;
    } else {
      unwatch ??= watchSurroundings(dispatch, listener.onHide);
    }
  }

  function run({ release: how, timerMs, announce: news, retryInMs, act }: Effects): void {
    if (how !== undefined) release(how);
    if (timerMs !== undefined) setTimer(timerMs);
    if (news !== undefined) announce(news, retryInMs);
    if (act === 'open') void open(state.attempt);
    if (act !== 'ping') return;
    // The time for the answer begins with the ping, however late a hidden page's timers are.
    after(0, () => {
      heardBefore = heard;
      listener.ping();
      setTimer(timerMs ?? 0);
    });
  }

  async function open(attempt: number): Promise<void> {
    const { WebSocket = globalThis.WebSocket } = options;
    const isOver = (): boolean => attempt !== state.attempt || state.phase !== 'opening';
    try {
      const token = await getToken(state.refused ? 'refused' : 'connect');
      const url = await listener.address();
      if (isOver()) return;
      if (typeof WebSocket !== 'function') throw new TypeError('No WebSocket');
      socket = openSocket(WebSocket, url, token, {
        onText: (text) => receive(attempt, text),
        onEnd: (how) => end(attempt, how),
      });
    } catch (error) {
      if (isOver()) return;
      if (error instanceof RookeryError) listener.onError(error);
      const { message, cause = error } = Object(error) as Error;
      // An address or a token that cannot be one: trying again does not change that, unless with another token.
      end(attempt, { fatal: !options.renewable, reason: message, cause });
    }
  }

  function end(attempt: number, how: End): void {
    dispatch({ type: 'ended', attempt, livedMs: session === undefined ? 0 : performance.now() - connectedAt, ...how });
  }

  function receive(attempt: number, text: string): void {
    heardAt = performance.now();
    heard += 1;
    const envelope = JSON.parse(text) as Envelope;
    const { type, payload } = envelope;
    if (session !== undefined) {
      if (type === 'server:draining') {
        const { reconnectInMs } = payload as { reconnectInMs: number };
        dispatch({ type: 'draining', attempt, reconnectInMs });
      } else {
        listener.onMessage(envelope);
      }
    } else if (type === 'connected') {
      connect(attempt, payload as ConnectedPayload);
    }
  }

  function connect(attempt: number, connected: ConnectedPayload): void {
    session = connected;
    connectedAt = performance.now();
    // First of all what has to come before whatever listeners of the state may do.
    listener.onUp(connected, (text) => socket?.send(text));
    dispatch({ type: 'connected', attempt, heartbeatMs: connected.heartbeatMs });
  }

  function release(how: 'drop' | 'goodbye'): void {
    asking?.abort();
    socket?.[how]();
    socket = undefined;
    if (session === undefined) return;
    session = undefined;
    listener.onDown();
  }

  function onTimer(): void {
    const silentMs = performance.now() - heardAt;
    const answered = heard > heardBefore;
    dispatch({ type: 'timer', silentMs, answered, graceMs: listener.graceMs() });
  }

  function setTimer(ms: number): void {
    if (isBounded(ms)) after(ms, onTimer);
    else clearTimeout(timer);
  }

  /** In place of what the timer was set to. After a sleep, what has come meanwhile is read first. */
  function after(ms: number, then: () => void): void {
    clearTimeout(timer);
    timer = setTimeout(() => {
      timer = setTimeout(then);
    }, ms);
  }

  function announce({ reason, code, status, cause }: End, retryInMs: number | undefined): void {
    const previous = announced;
    announced = publicState();
    listener.onState({ state: announced, previous, reason, code, status, cause, retryInMs });
  }

  function publicState(): ClientState {
    const { phase, returning } = state;
    if (phase === 'closed' || phase === 'connected') return phase;
    return returning ? 'reconnecting' : 'connecting';
  }

  return { dispatch, getToken, publicState, session: () => session };
}

export type Connection = ReturnType<typeof createConnection>;
