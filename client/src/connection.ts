import type { Envelope } from '../../src/protocol/envelope.js';
import type { ConnectedPayload } from '../../src/protocol/messages.js';
import { clientError, type RookeryError } from './errors.js';
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
import { Socket } from './socket.js';
import { watchSurroundings } from './wake.js';

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
  /** When the next attempt comes. */
  readonly retryInMs?: number | undefined;
}

export interface ConnectionListener {
  /** Where to connect to. */
  address(token: string | undefined): string | Promise<string>;
  onUp(session: ConnectedPayload, send: (text: string) => void): void;
  onMessage(envelope: Envelope): void;
  onDown(): void;
  onState(change: StateChange): void;
  onError(error: RookeryError): void;
  onHide(): void;
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
export class Connection {
  state: MachineState = INITIAL;
  /** Of the present connection. */
  session: ConnectedPayload | undefined;
  private socket: Socket | undefined;
  private token: string | undefined;
  private asking: AbortController | undefined;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private heardAt = 0;
  /** How much was heard, and how much before the server was asked for a sign of life. */
  private heard = 0;
  private heardBefore = 0;
  private connectedAt = 0;
  private announced: ClientState = 'closed';
  private unwatch: (() => void) | undefined;
  private readonly events: MachineEvent[] = [];
  private working = false;

  constructor(
    private readonly options: ConnectionOptions,
    private readonly listener: ConnectionListener,
  ) {}

  get publicState(): ClientState {
    const { phase, returning } = this.state;
    if (phase === 'closed' || phase === 'connected') return phase;
    return returning ? 'reconnecting' : 'connecting';
  }

  /** One event after the other, whatever the effects of one of them bring about. */
  dispatch(event: MachineEvent): void {
    this.events.push(event);
    if (this.working) return;
    this.working = true;
    try {
      for (let next = this.events.shift(); next !== undefined; next = this.events.shift()) {
        const { state, effects } = step(this.state, next, this.options, Math.random());
        this.state = state;
        this.run(effects);
      }
    } finally {
      this.working = false;
    }
    this.watch();
  }

  /** Has a token from where tokens come from. */
  async getToken(reason: 'connect' | 'expiring' | 'refused'): Promise<string | undefined> {
    const { token, connectTimeoutMs } = this.options;
    if (typeof token !== 'function') return token;
    const asking = new AbortController();
    if (reason !== 'expiring') this.asking = asking;
    const timer = connectTimeoutMs > 0 ? setTimeout(() => asking.abort(), connectTimeoutMs) : undefined;
    try {
      return await token({ reason, signal: asking.signal });
    } catch (error) {
      throw clientError('TOKEN_FAILED', 'The token function failed', undefined, error);
    } finally {
      clearTimeout(timer);
    }
  }

  private watch(): void {
    const isClosed = this.state.phase === 'closed';
    if (isClosed === (this.unwatch === undefined)) return;
    if (isClosed) {
      this.unwatch?.();
      this.unwatch = undefined;
      return;
    }
    this.unwatch = watchSurroundings({
      onWake: () => this.dispatch({ type: 'wake' }),
      onOffline: () => this.dispatch({ type: 'offline' }),
      onHide: () => this.listener.onHide(),
    });
  }

  private run({ release, timerMs, announce, retryInMs, act }: Effects): void {
    if (release !== undefined) this.release(release);
    if (timerMs !== undefined) this.setTimer(timerMs);
    if (announce !== undefined) this.announce(announce, retryInMs);
    const { attempt } = this.state;
    if (act === 'authorize') void this.authorize(attempt);
    else if (act === 'open') void this.open(attempt);
    else if (act === 'ping') {
      this.heardBefore = this.heard;
      this.listener.ping();
    }
  }

  private async authorize(attempt: number): Promise<void> {
    try {
      const token = await this.getToken(this.state.refused ? 'refused' : 'connect');
      if (attempt !== this.state.attempt) return;
      this.token = token;
      this.dispatch({ type: 'authorized', attempt });
    } catch (error) {
      if (attempt === this.state.attempt) this.listener.onError(error as RookeryError);
      this.dispatch({ type: 'unauthorized', attempt });
    }
  }

  private async open(attempt: number): Promise<void> {
    const { token: given, WebSocket = globalThis.WebSocket as WebSocketConstructor | undefined } = this.options;
    const token = typeof given === 'function' ? this.token : given;
    try {
      if (WebSocket === undefined) throw new TypeError('This platform has no WebSocket: hand one in');
      const url = await this.listener.address(token);
      if (attempt !== this.state.attempt || this.state.phase !== 'opening') return;
      this.socket = new Socket(WebSocket, url, token, {
        onText: (text) => this.receive(attempt, text),
        onEnd: (end) => this.dispatch({ type: 'ended', attempt, livedMs: this.livedMs(), ...end }),
      });
    } catch (error) {
      // An address or a token that cannot be one: trying again would not change that.
      this.dispatch({ type: 'ended', attempt, livedMs: 0, fatal: true, reason: String(error) });
    }
  }

  private livedMs(): number {
    return this.session === undefined ? 0 : performance.now() - this.connectedAt;
  }

  private receive(attempt: number, text: string): void {
    this.heardAt = performance.now();
    this.heard += 1;
    const envelope = JSON.parse(text) as Envelope;
    const { type, payload } = envelope;
    if (this.session !== undefined) {
      if (type === 'server:draining') {
        const { reconnectInMs } = payload as { reconnectInMs: number };
        this.dispatch({ type: 'draining', attempt, reconnectInMs });
      } else {
        this.listener.onMessage(envelope);
      }
    } else if (type === 'connected') {
      this.connect(attempt, payload as ConnectedPayload);
    }
  }

  private connect(attempt: number, session: ConnectedPayload): void {
    const { socket } = this;
    if (socket === undefined) return;
    this.session = session;
    this.connectedAt = performance.now();
    // First of all what has to come before whatever listeners of the state may do.
    this.listener.onUp(session, (text) => socket.send(text));
    this.dispatch({ type: 'connected', attempt, heartbeatMs: session.heartbeatMs });
  }

  private release(how: 'drop' | 'goodbye'): void {
    this.asking?.abort();
    this.socket?.[how]();
    this.socket = undefined;
    if (this.session === undefined) return;
    this.session = undefined;
    this.listener.onDown();
  }

  private setTimer(ms: number): void {
    clearTimeout(this.timer);
    if (ms <= 0) return;
    const look = (): void => {
      const silentMs = performance.now() - this.heardAt;
      const answered = this.heard > this.heardBefore;
      this.dispatch({ type: 'timer', silentMs, answered, graceMs: this.listener.graceMs() });
    };
    // After a sleep, what has come meanwhile is read first.
    this.timer = setTimeout(() => {
      this.timer = setTimeout(look);
    }, ms);
  }

  private announce({ reason, code, status }: End, retryInMs: number | undefined): void {
    const previous = this.announced;
    const state = this.publicState;
    this.announced = state;
    this.listener.onState({ state, previous, reason, code, status, retryInMs });
  }
}
