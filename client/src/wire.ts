import type { Envelope } from '../../src/protocol/envelope.js';
import type { ErrorPayload } from '../../src/protocol/errors.js';
import type { ConnectedPayload } from '../../src/protocol/messages.js';
import { RookeryError, clientError, serverError } from './errors.js';
import { limited, type Limits, type Settle } from './limited.js';
import { Pacer } from './pacer.js';
import { byteLength } from './text.js';

const OFFLINE = 'No connection';

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
  /** So long the server may take for it, by the clock of `performance.now()`. */
  readonly until?: number;
}

export interface RequestOptions extends Limits {
  readonly offline?: Outgoing['offline'];
  /** Before whatever waits. */
  readonly first?: boolean;
}

/** Requests and replies over whichever connection there is, within the server's rate. */
export function createWire() {
  let source: (() => Outgoing | undefined) | undefined;
  let write: ((text: string) => void) | undefined;
  let pacer = new Pacer(undefined, 0);
  /** That the server takes in one message; 0 for any number. */
  let maxBytes = 0;
  let waiting: Outgoing[] = [];
  let sent = new Map<string, Outgoing>();
  let ids = 0;
  let scheduled = false;
  let timer: ReturnType<typeof setTimeout> | undefined;

  /** How long yet the server has a reason to be silent: it answers one request after the other. */
  const graceMs = (): number => Math.max(0, ...[...sent.values()].map(({ until = 0 }) => until)) - performance.now();

  function up(
    writer: (text: string) => void,
    { rate, maxMessageBytes }: Pick<ConnectedPayload, 'rate' | 'maxMessageBytes'>,
  ): void {
    write = writer;
    maxBytes = maxMessageBytes;
    pacer = new Pacer(rate, performance.now());
    pump();
  }

  /** The connection is gone. */
  function down(): void {
    write = undefined;
    const all = [...sent.values(), ...waiting];
    const survives = (one: Outgoing): boolean =>
      one.offline === 'repeat' || (one.offline === 'wait' && waiting.includes(one));
    const lost = all.filter((one) => !survives(one));
    waiting = all.filter(survives);
    sent = new Map();
    for (const { settle } of lost) settle(clientError('OFFLINE', OFFLINE));
  }

  /** The client is closed: nothing will be sent any more. */
  function end(error: RookeryError): void {
    for (const { settle } of waiting.splice(0)) settle(error);
  }

  /** Sends something; it is taken back by what is returned, if it is not on its way already. */
  function send(outgoing: Outgoing, first = false): () => void {
    if (first) waiting.unshift(outgoing);
    else waiting.push(outgoing);
    pump();
    return () => {
      waiting = waiting.filter((one) => one !== outgoing);
    };
  }

  /**
   * Sends a request and waits for its reply.
   *
   * @param payload as JSON
   * @returns the reply's payload
   */
  function request(
    type: string,
    payload: string | undefined,
    { offline, first, ...limits }: RequestOptions,
  ): Promise<unknown> {
    return limited(
      limits,
      (settle) => {
        if (write !== undefined || offline !== undefined) return send({ type, payload, settle, offline }, first);
        settle(clientError('OFFLINE', OFFLINE));
        return () => undefined;
      },
      graceMs,
    );
  }

  function receive({ type, payload, requestId = '' }: Envelope): void {
    const outgoing = sent.get(requestId);
    if (outgoing === undefined) return;
    sent.delete(requestId);
    pacer.answered(outgoing.cost ?? 1, performance.now());
    outgoing.settle(type === 'error' ? serverError(payload as ErrorPayload) : payload);
    pump();
  }

  /** Sends what may be sent, once what is going on now is over: joins and publishes of one turn go out in their order. */
  function pump(): void {
    if (scheduled) return;
    scheduled = true;
    queueMicrotask(() => {
      scheduled = false;
      sendAll();
    });
  }

  function sendAll(): void {
    clearTimeout(timer);
    for (let to = write; to !== undefined; to = write) {
      const delayMs = pacer.wait(performance.now());
      if (delayMs > 0) {
        if (delayMs < Infinity) timer = setTimeout(sendAll, delayMs);
        return;
      }
      const outgoing = waiting.shift() ?? source?.();
      if (outgoing === undefined) return;
      const { type, payload, cost = 1 } = outgoing;
      const requestId = String((ids += 1));
      const rest = payload === undefined ? '' : `,"payload":${payload}`;
      const text = `{"type":${JSON.stringify(type)},"requestId":"${requestId}"${rest}}`;
      const error = tooLarge(byteLength(text));
      if (error === undefined) {
        sent.set(requestId, outgoing);
        pacer.sent(cost);
        to(text);
      } else {
        outgoing.settle(error);
      }
    }
  }

  /** The server would end the connection for it. */
  function tooLarge(bytes: number): RookeryError | undefined {
    const max = maxBytes;
    return max > 0 && bytes > max ? clientError('TOO_LARGE', 'Too large', { max }) : undefined;
  }

  return {
    up,
    down,
    end,
    send,
    request,
    receive,
    pump,
    graceMs,
    tooLarge,
    isUp: () => write !== undefined,
    /** True when something could be sent right now. */
    isFree: () => pacer.wait(performance.now(), waiting.length) === 0,
    /** Who gives what is to be sent when nothing else is waiting. */
    drawFrom: (from: () => Outgoing | undefined) => {
      source = from;
    },
  };
}

export type Wire = ReturnType<typeof createWire>;
