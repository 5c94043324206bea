import type { AckPayload } from '../../src/protocol/messages.js';
import type { Position } from '../../src/protocol/position.js';
import { backOff, type Delays } from './back-off.js';
import { RookeryError, clientError } from './errors.js';
import { limited, type Settle } from './limited.js';
import type { Published, PublishOptions } from './messages.js';
import { PublishQueue, type QueueBounds } from './publish-queue.js';
import { byteLength, jsonOf, randomId } from './text.js';
import type { Outgoing, Wire } from './wire.js';

/** Who has to know of what is published in a room. */
export interface Publications {
  publishing(id: string, data: string): void;
  answered(id: string, ack?: Partial<Position> & { duplicate?: true }, elsewhere?: boolean): void;
}

/** What to publish, and as what. */
export interface Draft {
  readonly type: 'room:message' | 'broadcast' | 'user:message';
  /** Fields of the payload besides those of every publish. */
  readonly fields: Readonly<Record<string, string>>;
  readonly data: unknown;
  readonly room: Publications | undefined;
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

/** Around the payload: type and request id. */
const ENVELOPE_BYTES = 64;

/** Publishes in order, each message until it is acknowledged, over as many connections as it takes. */
export class Publisher {
  /** Bytes that the server takes; 0 for any number. */
  maxMessageBytes = 0;
  private readonly queue: PublishQueue<Publish>;
  private pausedUntil = 0;
  private failures = 0;

  constructor(
    private readonly wire: Wire,
    bounds: QueueBounds,
    private readonly delays: Delays,
    private readonly timeoutMs: number,
    private readonly checkOpen: () => void,
  ) {
    this.queue = new PublishQueue(bounds);
    wire.source = () => this.next();
  }

  async publish(draft: Draft, options: PublishOptions): Promise<Published> {
    this.checkOpen();
    const { wire } = this;
    const { id = randomId(), volatile, confirm, timeoutMs = this.timeoutMs, signal } = options;
    const { type, room } = draft;
    const data = jsonOf(draft.data);
    const fields = JSON.stringify({ ...draft.fields, id, volatile, confirm });
    const payload = `${fields.slice(0, -1)},"data":${data}}`;
    const bytes = byteLength(payload) + ENVELOPE_BYTES;
    const tooLarge = this.tooLarge(bytes);
    if (tooLarge !== undefined) throw tooLarge;
    if (volatile) {
      if (wire.isUp && !wire.isFree) throw new RookeryError('RATE_LIMITED', 'Too many messages');
      return publishedOf((await wire.request(type, payload, { timeoutMs, signal })) as AckPayload);
    }
    const begin = (settle: Settle<Published>): (() => void) => {
      const confirmMs = confirm?.timeoutMs ?? 0;
      const item = { id, type, payload, data, bytes, confirmMs, room, sends: 0, abandoned: false, settle };
      for (const dropped of this.queue.add(item)) {
        this.discard(dropped);
        dropped.settle(clientError('QUEUE_FULL', 'Too much waits to be published', { id: dropped.id }));
      }
      wire.pump();
      return () => {
        item.abandoned = true;
        // What was sent is answered yet, and until then something may have its place in the room.
        if (!this.queue.isSent(item)) this.discard(item);
      };
    };
    return limited({ timeoutMs, signal }, begin, undefined, { id });
  }

  /** The connection is gone. */
  down(): void {
    this.pausedUntil = 0;
    this.failures = 0;
    for (const item of this.queue.all()) {
      this.resend(item);
      item.sends = 0;
    }
  }

  /** The client is closed. */
  end(error: RookeryError): void {
    for (const item of this.queue.all()) {
      this.queue.delete(item);
      item.settle(error);
    }
  }

  private next(): Outgoing | undefined {
    if (performance.now() < this.pausedUntil) return undefined;
    const item = this.queue.next();
    if (item === undefined) return undefined;
    // Another server may take less than the one before.
    const error = this.tooLarge(item.bytes);
    if (error !== undefined) {
      this.queue.delete(item);
      item.settle(error);
      return this.next();
    }
    this.queue.markSent(item);
    item.sends += 1;
    item.room?.publishing(item.id, item.data);
    const { type, payload, confirmMs } = item;
    if (confirmMs > 0) this.wire.slowUntil = Math.max(this.wire.slowUntil, performance.now() + confirmMs);
    return { type, payload, settle: (outcome) => this.answered(item, outcome as AckPayload | RookeryError) };
  }

  private answered(item: Publish, outcome: AckPayload | RookeryError): void {
    if (!(outcome instanceof Error)) {
      this.failures = 0;
      this.finish(item, publishedOf(outcome), outcome);
      return;
    }
    const { code, details } = outcome;
    if (code === 'UNAVAILABLE') {
      this.pause(item, backOff(this.failures, this.delays, Math.random()));
      this.failures += 1;
    } else if (code === 'RATE_LIMITED') {
      this.pause(item, Number(details?.['retryAfterMs']) || 1000);
    } else if (code !== 'OFFLINE') {
      // Lost with the connection, it is sent again by the next one.
      this.finish(item, outcome);
    }
  }

  private finish(item: Publish, outcome: Published | RookeryError, ack?: AckPayload): void {
    this.queue.delete(item);
    // Sent once over this connection and known before: the first came over another one, and is sent to this.
    item.room?.answered(item.id, ack, ack?.duplicate === true && item.sends === 1);
    item.settle(outcome);
  }

  private pause(item: Publish, ms: number): void {
    this.pausedUntil = performance.now() + ms;
    setTimeout(() => this.wire.pump(), ms + 1);
    this.resend(item);
  }

  private resend(item: Publish): void {
    if (item.abandoned) this.discard(item);
    else this.queue.markUnsent(item);
  }

  /** What becomes of it will not be known. */
  private discard(item: Publish): void {
    this.queue.delete(item);
    if (item.sends > 0) item.room?.answered(item.id);
  }

  private tooLarge(bytes: number): RookeryError | undefined {
    const max = this.maxMessageBytes;
    return max > 0 && bytes > max ? new RookeryError('TOO_LARGE', 'The message is too large', { max }) : undefined;
  }
}

function publishedOf({ room: _room, ...ack }: AckPayload): Published {
  return ack;
}
