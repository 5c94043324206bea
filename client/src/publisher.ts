import type { AckPayload } from '../../src/protocol/messages.js';
import type { Position } from '../../src/protocol/position.js';
import { backOff, type Delays } from './back-off.js';
import { RookeryError, clientError } from './errors.js';
import { limited, type Settle } from './limited.js';
import type { Published, PublishOptions } from './messages.js';
import { createPublishQueue, type QueueBounds } from './publish-queue.js';
import { byteLength, jsonOf, randomId } from './text.js';
import type { Outgoing, Wire } from './wire.js';

/** Who has to know of what is published in a room. */
export interface Publications {
  publishing(id: string, data: string): void;
  answered(id: string, ack?: Partial<Position> & { duplicate?: true }, elsewhere?: boolean): void;
}

interface Publish {
  readonly id: string;
  readonly type: string;
  readonly payload: string;
  readonly data: string;
  readonly bytes: number;
  readonly confirmMs: number;
  readonly room: Publications | undefined;
  /** How often it was sent over the present connection. */
  sends: number;
  /** Nobody waits for it any more. */
  abandoned: boolean;
  readonly settle: Settle<Published>;
}

/** What the way to the server and back may take besides. */
const SLACK_MS = 2000;
/** Around the payload: type and request id. */
const ENVELOPE_BYTES = 64;

/** Publishes in order, each message until it is acknowledged, over as many connections as it takes. */
export function createPublisher(
  wire: Wire,
  bounds: QueueBounds,
  delays: Delays,
  defaultTimeoutMs: number,
  checkOpen: () => void,
) {
  const queue = createPublishQueue<Publish>(bounds);
  let pause: ReturnType<typeof setTimeout> | undefined;
  /** How many were sent over the present connection and are not answered. */
  let unanswered = 0;
  /** The server could not reach its broker. One message at a time tries it, until one is acknowledged. */
  let isAway = false;
  wire.drawFrom(next);

  /** @param fields of the payload besides those of every publish */
  async function publish(
    type: 'room:message' | 'broadcast' | 'user:message',
    fields: Readonly<Record<string, string>>,
    content: unknown,
    room: Publications | undefined,
    options: PublishOptions = {},
  ): Promise<Published> {
    checkOpen();
    const { id = randomId(), volatile, confirm, timeoutMs = defaultTimeoutMs, signal } = options;
    const data = jsonOf(content);
    const rest = JSON.stringify({ ...fields, id, volatile, confirm });
    const payload = `${rest.slice(0, -1)},"data":${data}}`;
    const bytes = byteLength(payload) + ENVELOPE_BYTES;
    const error = wire.tooLarge(bytes);
    if (error !== undefined) throw error;
    if (volatile) {
      if (wire.isUp() && !wire.isFree()) throw clientError('RATE_LIMITED', 'Too many messages');
      return (await wire.request(type, payload, { timeoutMs, signal })) as AckPayload;
    }
    const begin = (settle: Settle<Published>): (() => void) => {
      const confirmMs = confirm?.timeoutMs ?? 0;
      const item = { id, type, payload, data, bytes, confirmMs, room, sends: 0, abandoned: false, settle };
      for (const dropped of queue.add(item)) {
        discard(dropped);
        dropped.settle(clientError('QUEUE_FULL', 'Too many wait', { id: dropped.id }));
      }
      wire.pump();
      return () => {
        item.abandoned = true;
        // What was sent is answered yet, and until then something may have its place in the room.
        if (!queue.isSent(item)) discard(item);
      };
    };
    return limited({ timeoutMs, signal }, begin, undefined, { id });
  }

  /** The connection is gone. */
  function down(): void {
    resume();
    unanswered = 0;
    isAway = false;
    for (const item of queue.all()) {
      resend(item);
      item.sends = 0;
    }
  }

  /** The client is closed. */
  function end(error: RookeryError): void {
    for (const item of queue.all()) {
      queue.remove(item);
      item.settle(error);
    }
  }

  function next(): Outgoing | undefined {
    if (pause !== undefined || (isAway && unanswered > 0)) return undefined;
    const item = queue.next();
    if (item === undefined) return undefined;
    unanswered += 1;
    queue.mark(item, true);
    item.sends += 1;
    item.room?.publishing(item.id, item.data);
    const { type, payload, confirmMs } = item;
    return {
      type,
      payload,
      until: confirmMs > 0 ? performance.now() + confirmMs + SLACK_MS : 0,
      settle: (outcome) => answered(item, outcome as AckPayload | RookeryError),
    };
  }

  function answered(item: Publish, outcome: AckPayload | RookeryError): void {
    unanswered -= 1;
    if (!(outcome instanceof Error)) {
      isAway = false;
      finish(item, outcome, outcome);
      return;
    }
    const { code, details } = outcome;
    if (code === 'UNAVAILABLE') {
      isAway = true;
      // However many fail by it, it is one outage. Its delays do not grow: there is but one message to be tried.
      retry(item, pause === undefined ? backOff(0, delays, Math.random()) : undefined);
    } else if (code === 'RATE_LIMITED') {
      retry(item, Number(details?.['retryAfterMs']) || 1000);
    } else if (code !== 'OFFLINE') {
      // Lost with the connection, it is sent again by the next one.
      finish(item, outcome);
    }
  }

  function finish(item: Publish, outcome: Published | RookeryError, ack?: AckPayload): void {
    queue.remove(item);
    // Sent once over this connection and known before: the first came over another one, and is sent to this one.
    item.room?.answered(item.id, ack, ack?.duplicate === true && item.sends === 1);
    item.settle(outcome);
  }

  /** Nothing is sent for a while, and then this one before all that came after it. */
  function retry(item: Publish, ms?: number): void {
    resend(item);
    if (ms === undefined) return;
    clearTimeout(pause);
    // Not by the clock: a timer that is early by a hair would leave everything where it is.
    pause = setTimeout(resume, ms);
  }

  function resume(): void {
    clearTimeout(pause);
    pause = undefined;
    wire.pump();
  }

  function resend(item: Publish): void {
    if (item.abandoned) discard(item);
    else queue.mark(item, false);
  }

  /** What becomes of it will not be known. */
  function discard(item: Publish): void {
    queue.remove(item);
    if (item.sends > 0) item.room?.answered(item.id);
  }

  return { publish, down, end };
}

export type Publisher = ReturnType<typeof createPublisher>;
