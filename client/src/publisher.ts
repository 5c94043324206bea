import type { ErrorPayload } from '../../src/protocol/errors.js';
import type { AckPayload } from '../../src/protocol/messages.js';
import type { Position } from '../../src/protocol/position.js';
import { backOff, type Delays } from './back-off.js';
import { RookeryError, abortError, clientError, serverError } from './errors.js';
import type { Published, PublishOptions } from './messages.js';
import { PublishQueue, type QueueBounds } from './publish-queue.js';
import { byteLength, jsonOf, randomId } from './text.js';
import { envelope, type Reply, type Source, type Wire } from './wire.js';

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
  readonly settle: (outcome: Published | RookeryError) => void;
}

/** Around the payload: type and request id. */
const ENVELOPE_BYTES = 64;

/** Publishes in order, each message until it is acknowledged, over as many connections as it takes. */
export class Publisher implements Source {
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
    private readonly isClosed: () => RookeryError | undefined,
  ) {
    this.queue = new PublishQueue(bounds);
    wire.addSource(this);
  }

  async publish(draft: Draft, options: PublishOptions): Promise<Published> {
    const { signal } = options;
    if (signal?.aborted) throw abortError(signal);
    const closed = this.isClosed();
    if (closed !== undefined) throw closed;
    const { id = randomId(), volatile, confirm } = options;
    const data = jsonOf(draft.data);
    const fields = JSON.stringify({ ...draft.fields, id, ...(volatile && { volatile }), ...(confirm && { confirm }) });
    const payload = `${fields.slice(0, -1)},"data":${data}}`;
    const bytes = byteLength(payload) + ENVELOPE_BYTES;
    this.checkSize(bytes);
    const common = { id, type: draft.type, payload, data, bytes, confirmMs: confirm?.timeoutMs ?? 0, room: draft.room };
    return volatile ? this.sendNow(draft.type, payload, options) : this.enqueue(common, options);
  }

  next(requestId: string): { text: string; settle: (outcome: Reply | RookeryError) => void } | undefined {
    if (performance.now() < this.pausedUntil) return undefined;
    for (;;) {
      const item = this.queue.next();
      if (item === undefined) return undefined;
      // Another server may take less than the one before.
      const error = this.tooLarge(item.bytes);
      if (error !== undefined) {
        this.queue.delete(item);
        item.settle(error);
        continue;
      }
      this.queue.markSent(item);
      item.sends += 1;
      item.room?.publishing(item.id, item.data);
      if (item.confirmMs > 0) {
        this.wire.slowUntil = Math.max(this.wire.slowUntil, performance.now() + item.confirmMs);
      }
      return { text: envelope(item.type, item.payload, requestId), settle: (outcome) => this.answered(item, outcome) };
    }
  }

  /** The connection is gone. It says 1009 when a message was too large, but not which: the largest is the likeliest. */
  down(tooLarge: boolean): void {
    this.pausedUntil = 0;
    this.failures = 0;
    const sent = this.queue.all().filter((item) => this.queue.isSent(item));
    if (tooLarge && sent.length > 0) {
      const largest = sent.reduce((one, other) => (other.bytes > one.bytes ? other : one));
      this.queue.delete(largest);
      largest.settle(new RookeryError('TOO_LARGE', 'The message is too large'));
    }
    for (const item of sent) this.resend(item);
    for (const item of this.queue.all()) item.sends = 0;
  }

  end(error: RookeryError): void {
    for (const item of this.queue.all()) {
      this.queue.delete(item);
      item.settle(error);
    }
  }

  private enqueue(
    common: Omit<Publish, 'sends' | 'abandoned' | 'settle'>,
    options: PublishOptions,
  ): Promise<Published> {
    const { signal, timeoutMs = this.timeoutMs } = options;
    return new Promise((resolve, reject) => {
      const abandon = (error: RookeryError): void => {
        item.abandoned = true;
        // What was sent is answered yet, and until then something may have its place in the room.
        if (!this.queue.isSent(item)) this.discard(item);
        settle(error);
      };
      const onAbort = (): void => abandon(abortError(signal as AbortSignal));
      const onTimeout = (): void => abandon(clientError('TIMEOUT', 'Not published in time', { id: item.id }));
      const timer = timeoutMs > 0 ? setTimeout(onTimeout, timeoutMs) : undefined;
      const settle = (outcome: Published | RookeryError): void => {
        clearTimeout(timer);
        signal?.removeEventListener('abort', onAbort);
        if (outcome instanceof Error) reject(outcome);
        else resolve(outcome);
      };
      const item: Publish = { ...common, sends: 0, abandoned: false, settle };
      signal?.addEventListener('abort', onAbort);
      for (const dropped of this.queue.add(item)) {
        this.discard(dropped);
        dropped.settle(clientError('QUEUE_FULL', 'Too much waits to be published', { id: dropped.id }));
      }
      this.wire.pump();
    });
  }

  private async sendNow(type: string, payload: string, { signal, timeoutMs }: PublishOptions): Promise<Published> {
    if (!this.wire.isUp) throw clientError('OFFLINE', 'There is no connection');
    if (!this.wire.isFree) throw new RookeryError('RATE_LIMITED', 'Too many messages');
    const options = { signal, timeoutMs: timeoutMs ?? this.timeoutMs, offline: 'fail' } as const;
    return publishedOf((await this.wire.request(type, payload, options)).payload as AckPayload);
  }

  private answered(item: Publish, outcome: Reply | RookeryError): void {
    // Lost with the connection, which sees to it that it is sent again.
    if (outcome instanceof Error) return;
    if (outcome.type !== 'error') {
      const ack = outcome.payload as AckPayload;
      this.failures = 0;
      this.finish(item, ack, publishedOf(ack));
      return;
    }
    const error = serverError(outcome.payload as ErrorPayload);
    if (error.code === 'UNAVAILABLE') {
      this.pause(backOff(this.failures, this.delays, Math.random()));
      this.failures += 1;
      this.resend(item);
    } else if (error.code === 'RATE_LIMITED') {
      this.pause(Number(error.details?.['retryAfterMs'] ?? this.delays.minDelayMs));
      this.resend(item);
    } else {
      this.finish(item, undefined, error);
    }
  }

  private finish(item: Publish, ack: AckPayload | undefined, outcome: Published | RookeryError): void {
    this.queue.delete(item);
    // Sent once over this connection and known before: the first came over another one, and is sent to this.
    item.room?.answered(item.id, ack, ack?.duplicate === true && item.sends === 1);
    item.settle(outcome);
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

  private pause(ms: number): void {
    this.pausedUntil = performance.now() + ms;
    setTimeout(() => this.wire.pump(), ms + 1);
  }

  private tooLarge(bytes: number): RookeryError | undefined {
    const max = this.maxMessageBytes;
    return max > 0 && bytes > max ? new RookeryError('TOO_LARGE', 'The message is too large', { max }) : undefined;
  }

  private checkSize(bytes: number): void {
    const error = this.tooLarge(bytes);
    if (error !== undefined) throw error;
  }
}

function publishedOf({ room: _room, ...ack }: AckPayload): Published {
  return ack;
}
