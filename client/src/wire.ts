import type { Envelope } from '../../src/protocol/envelope.js';
import type { ErrorPayload } from '../../src/protocol/errors.js';
import { abortError, clientError, serverError, type RookeryError } from './errors.js';
import { Pacer, type Rate } from './pacer.js';

/** The server's answer to a request. */
export type Reply = Pick<Envelope, 'type' | 'payload'>;

export interface RequestOptions {
  /** 0 for no bound */
  readonly timeoutMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  /**
   * What becomes of it without a connection: `fail` is for this connection only; `wait` waits to be sent, and fails when
   * the connection is lost before the reply; `repeat` is sent again then, too.
   */
  readonly offline?: 'fail' | 'wait' | 'repeat';
  /** As how many messages the server counts it. */
  readonly cost?: number;
  /** Before whatever waits. */
  readonly first?: boolean;
}

interface Request {
  readonly requestId: string;
  readonly text: string;
  readonly cost: number;
  offline: 'fail' | 'wait' | 'repeat';
  readonly settle: (outcome: Reply | RookeryError) => void;
}

/** Gives what is to be sent when nothing else is waiting. */
export interface Source {
  /** @returns the message's text, made with the id given, and who takes the reply; undefined when there is nothing */
  next(requestId: string): { readonly text: string; readonly settle: Request['settle'] } | undefined;
}

/** Requests and replies over whichever connection there is, within the server's rate. */
export class Wire {
  /** Until then the server may leave everything unanswered: it is busy with a request that takes its time. */
  slowUntil = 0;
  private write: ((text: string) => void) | undefined;
  private pacer = new Pacer(undefined, 0);
  private waiting: Request[] = [];
  private readonly sent = new Map<string, Request>();
  private readonly sources: Source[] = [];
  private ids = 0;
  private scheduled = false;
  private timer: ReturnType<typeof setTimeout> | undefined;

  get isUp(): boolean {
    return this.write !== undefined;
  }

  /** True when something could be sent right now. */
  get isFree(): boolean {
    return this.isUp && this.pacer.wait(performance.now(), this.waiting.length) === 0;
  }

  addSource(source: Source): void {
    this.sources.push(source);
  }

  up(write: (text: string) => void, rate: Rate | undefined): void {
    this.write = write;
    this.pacer = new Pacer(rate, performance.now());
    this.pump();
  }

  /** The connection is gone. */
  down(error: RookeryError): void {
    this.write = undefined;
    this.slowUntil = 0;
    const lost = [...this.sent.values()];
    this.sent.clear();
    const waiting = this.waiting;
    this.waiting = lost.filter(({ offline }) => offline === 'repeat');
    this.waiting.push(...waiting.filter(({ offline }) => offline !== 'fail'));
    for (const request of lost) if (request.offline !== 'repeat') request.settle(error);
    for (const request of waiting) if (request.offline === 'fail') request.settle(error);
  }

  /** The client is closed: nothing will be sent any more. */
  end(error: RookeryError): void {
    this.down(error);
    for (const { settle } of this.waiting.splice(0)) settle(error);
  }

  /**
   * Sends a request and waits for its reply.
   *
   * @param payload as JSON
   */
  request(type: string, payload: string | undefined, options: RequestOptions = {}): Promise<Reply> {
    const { timeoutMs = 0, signal, offline = 'wait', cost = 1, first = false } = options;
    return new Promise((resolve, reject) => {
      const giveUp = (error: RookeryError): void => {
        this.waiting = this.waiting.filter((one) => one !== request);
        request.offline = 'fail';
        settle(error);
      };
      const onAbort = (): void => giveUp(abortError(signal as AbortSignal));
      const onTimeout = (): void => {
        const graceMs = this.slowUntil - performance.now();
        if (graceMs > 0 && this.sent.has(request.requestId)) timer = setTimeout(onTimeout, graceMs);
        else giveUp(clientError('TIMEOUT', `No answer to ${type} in time`));
      };
      let timer = timeoutMs > 0 ? setTimeout(onTimeout, timeoutMs) : undefined;
      const requestId = this.nextId();
      const settle = (outcome: Reply | RookeryError): void => {
        clearTimeout(timer);
        signal?.removeEventListener('abort', onAbort);
        if (outcome instanceof Error) reject(outcome);
        else if (outcome.type === 'error') reject(serverError(outcome.payload as ErrorPayload));
        else resolve(outcome);
      };
      const request: Request = { requestId, text: envelope(type, payload, requestId), cost, offline, settle };
      if (signal?.aborted) settle(abortError(signal));
      else if (offline === 'fail' && !this.isUp) settle(clientError('OFFLINE', 'There is no connection'));
      else {
        signal?.addEventListener('abort', onAbort);
        if (first) this.waiting.unshift(request);
        else this.waiting.push(request);
        this.pump();
      }
    });
  }

  /** @returns false when it is the reply to nothing that is known */
  receive({ type, payload, requestId }: Envelope): boolean {
    const request = requestId === undefined ? undefined : this.sent.get(requestId);
    if (request === undefined) return false;
    this.sent.delete(request.requestId);
    this.pacer.answered(request.cost);
    request.settle({ type, payload });
    this.pump();
    return true;
  }

  /** Sends what may be sent, once what is going on now is over: joins and publishes of one turn go out in their order. */
  pump(): void {
    if (this.scheduled) return;
    this.scheduled = true;
    queueMicrotask(() => {
      this.scheduled = false;
      this.sendAll();
    });
  }

  nextId(): string {
    return String((this.ids += 1));
  }

  private sendAll(): void {
    clearTimeout(this.timer);
    while (this.write !== undefined) {
      const delayMs = this.pacer.wait(performance.now());
      if (delayMs > 0) {
        if (delayMs < Infinity) this.timer = setTimeout(() => this.sendAll(), delayMs);
        return;
      }
      const request = this.waiting.shift() ?? this.fromSources();
      if (request === undefined) return;
      this.sent.set(request.requestId, request);
      this.pacer.sent(request.cost);
      this.write(request.text);
    }
  }

  private fromSources(): Request | undefined {
    for (const source of this.sources) {
      const requestId = this.nextId();
      const next = source.next(requestId);
      if (next !== undefined) return { requestId, cost: 1, offline: 'fail', ...next };
    }
    return undefined;
  }
}

/** @param payload as JSON */
export function envelope(type: string, payload: string | undefined, requestId: string): string {
  const rest = payload === undefined ? '' : `,"payload":${payload}`;
  return `{"type":${JSON.stringify(type)},"requestId":"${requestId}"${rest}}`;
}
