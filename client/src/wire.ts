import type { Envelope } from '../../src/protocol/envelope.js';
import type { ErrorPayload } from '../../src/protocol/errors.js';
import { clientError, serverError, type RookeryError } from './errors.js';
import { limited, type Limits, type Settle } from './limited.js';
import { Pacer, type Rate } from './pacer.js';

/** What is sent, and who takes the reply's payload. */
export interface Outgoing {
  readonly type: string;
  /** As JSON. */
  readonly payload?: string | undefined;
  /** Called as soon as the reply comes, before whatever comes after it. */
  readonly settle: Settle<unknown>;
  /**
   * What becomes of it without a connection: `wait` waits to be sent, and fails when the connection is lost before the
   * reply; `repeat` is sent again then, too. Nothing: it is for this connection only.
   */
  readonly offline?: 'wait' | 'repeat' | undefined;
  /** As how many messages the server counts it. */
  readonly cost?: number;
}

export interface RequestOptions extends Limits {
  readonly offline?: Outgoing['offline'];
  /** Before whatever waits. */
  readonly first?: boolean;
}

/** Requests and replies over whichever connection there is, within the server's rate. */
export class Wire {
  /** Until then the server may leave everything unanswered: it is busy with a request that takes its time. */
  slowUntil = 0;
  /** Gives what is to be sent when nothing else is waiting. */
  source: () => Outgoing | undefined = () => undefined;
  private write: ((text: string) => void) | undefined;
  private pacer = new Pacer(undefined, 0);
  private waiting: Outgoing[] = [];
  private sent = new Map<string, Outgoing>();
  private ids = 0;
  private scheduled = false;
  private timer: ReturnType<typeof setTimeout> | undefined;

  get isUp(): boolean {
    return this.write !== undefined;
  }

  /** True when something could be sent right now. */
  get isFree(): boolean {
    return this.pacer.wait(performance.now(), this.waiting.length) === 0;
  }

  /** How long yet the server has a reason to be silent. */
  get graceMs(): number {
    return this.slowUntil - performance.now();
  }

  up(write: (text: string) => void, rate: Rate | undefined): void {
    this.write = write;
    this.pacer = new Pacer(rate, performance.now());
    this.pump();
  }

  /** The connection is gone. */
  down(): void {
    this.write = undefined;
    this.slowUntil = 0;
    const all = [...this.sent.values()].filter(({ offline }) => offline !== 'wait');
    const lost = [...this.sent.values()].filter(({ offline }) => offline === 'wait');
    all.push(...this.waiting);
    this.sent = new Map();
    this.waiting = all.filter(({ offline }) => offline !== undefined);
    lost.push(...all.filter(({ offline }) => offline === undefined));
    for (const { settle } of lost) settle(clientError('OFFLINE', 'The connection was lost'));
  }

  /** The client is closed: nothing will be sent any more. */
  end(error: RookeryError): void {
    for (const { settle } of this.waiting.splice(0)) settle(error);
  }

  /** Sends something; it is taken back by what is returned, if it is not on its way already. */
  send(outgoing: Outgoing, first = false): () => void {
    if (first) this.waiting.unshift(outgoing);
    else this.waiting.push(outgoing);
    this.pump();
    return () => {
      this.waiting = this.waiting.filter((one) => one !== outgoing);
    };
  }

  /**
   * Sends a request and waits for its reply.
   *
   * @param payload as JSON
   * @returns the reply's payload
   */
  request(type: string, payload: string | undefined, { offline, first, ...limits }: RequestOptions): Promise<unknown> {
    return limited(
      limits,
      (settle) => {
        if (this.isUp || offline !== undefined) return this.send({ type, payload, settle, offline }, first);
        settle(clientError('OFFLINE', 'There is no connection'));
        return () => undefined;
      },
      () => this.graceMs,
    );
  }

  /** @returns false when it is the reply to nothing that is known */
  receive({ type, payload, requestId = '' }: Envelope): boolean {
    const outgoing = this.sent.get(requestId);
    if (outgoing === undefined) return false;
    this.sent.delete(requestId);
    this.pacer.answered(outgoing.cost ?? 1);
    outgoing.settle(type === 'error' ? serverError(payload as ErrorPayload) : payload);
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

  private sendAll(): void {
    clearTimeout(this.timer);
    while (this.write !== undefined) {
      const delayMs = this.pacer.wait(performance.now());
      if (delayMs > 0) {
        if (delayMs < Infinity) this.timer = setTimeout(() => this.sendAll(), delayMs);
        return;
      }
      const outgoing = this.waiting.shift() ?? this.source();
      if (outgoing === undefined) return;
      const { type, payload, cost = 1 } = outgoing;
      const requestId = String((this.ids += 1));
      this.sent.set(requestId, outgoing);
      this.pacer.sent(cost);
      const rest = payload === undefined ? '' : `,"payload":${payload}`;
      this.write(`{"type":${JSON.stringify(type)},"requestId":"${requestId}"${rest}}`);
    }
  }
}
