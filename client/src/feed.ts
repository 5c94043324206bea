import type { RoomMessagePayload } from '../../src/protocol/messages.js';
import type { Position } from '../../src/protocol/position.js';
import type { DirectMessage, Gap } from './messages.js';
import type { Publications } from './publisher.js';
import { Sequencer, type Acknowledged, type Loss, type Ordered } from './sequencer.js';
import { validated, type StandardIssue, type StandardResult, type StandardSchemaV1 } from './standard-schema.js';

type Reason = Gap['reason'];
type Payload = Omit<RoomMessagePayload, 'room'>;

/** What a feed is a part of. */
export interface FeedContext {
  /** The user of the present connection. */
  userId(): string | undefined;
  /** What came out up to here has been handled. */
  moved(room: string, position: Position): void;
  /** More waits than can be kept. */
  overflow(): void;
}

export interface FeedListener {
  onMessage(message: DirectMessage): void;
  onGap(gap: Gap): void;
  onInvalid?(message: DirectMessage, issues: readonly StandardIssue[]): void;
}

/** So many messages may wait for an acknowledgement; beyond, they are better had anew over another connection. */
const MAX_WAITING = 10_000;

/** The messages of one room, from the wire to the application: in order, each once, checked. */
export class Feed implements Publications {
  /** Where the application is. */
  position: Position | undefined;
  /** Whether what is published shall come out as well. */
  private following = false;
  private readonly sequencer: Sequencer<Payload, Reason>;
  /** Set while something is being checked that takes its time. What comes after it waits. */
  private checking: Promise<void> | undefined;
  /** Grows when what is on its way is not wanted any more. */
  private generation = 0;

  constructor(
    readonly room: string,
    private readonly context: FeedContext,
    private readonly listener: FeedListener,
    private readonly schema?: StandardSchemaV1,
  ) {
    this.sequencer = new Sequencer((item) => this.pass(item));
  }

  /** Everything up to here came, and what follows is wanted. */
  get reached(): Position | undefined {
    return this.sequencer.position;
  }

  /** From now on what is published belongs to what comes out. */
  follow(): void {
    this.following = true;
  }

  joined(position: Position, lost?: Reason): void {
    this.follow();
    this.sequencer.joined(position, lost);
  }

  /** The server took the client out of the room. */
  left(): void {
    this.following = false;
    this.sequencer.left();
  }

  /** Nothing more comes out. */
  stop(): void {
    this.following = false;
    this.generation += 1;
    this.position = undefined;
    this.sequencer.forget();
  }

  disconnected(): void {
    this.sequencer.disconnected();
  }

  received(payload: Payload): void {
    this.sequencer.received(payload, payload.from !== undefined && payload.from === this.context.userId());
    if (this.sequencer.waiting > MAX_WAITING) this.context.overflow();
  }

  gap(gap: Loss<Reason>): void {
    this.sequencer.gap(gap);
  }

  publishing(id: string, data: string): void {
    if (!this.following) {
      this.sequencer.publishingUntold();
      return;
    }
    const from = this.context.userId();
    this.sequencer.publishing(id, ({ offset }) => ({
      // As the others get it, whatever the application does with its own.
      data: JSON.parse(data) as unknown,
      ...(from !== undefined && { from }),
      id,
      offset,
      timestamp: Date.now(),
    }));
  }

  answered(id: string, ack?: Acknowledged, elsewhere?: boolean): void {
    this.sequencer.answered(id, ack, elsewhere);
  }

  /** What comes while something is being checked waits for it. */
  private pass(item: Ordered<Payload, Reason>): void {
    const { generation, checking } = this;
    const handle = (): Promise<void> | undefined => (generation === this.generation ? this.handle(item) : undefined);
    const pending = checking === undefined ? handle() : checking.then(handle);
    if (pending === undefined) return;
    const settled = pending.then(() => {
      if (this.checking === settled) this.checking = undefined;
    });
    this.checking = settled;
  }

  /** @returns something to wait for, where the validator takes its time */
  private handle({ epoch, offset, message, lost }: Ordered<Payload, Reason>): Promise<void> | undefined {
    const { listener, generation, room } = this;
    if (lost !== undefined) listener.onGap({ room, reason: lost, epoch, offset });
    const give = (result?: StandardResult<unknown>): void => {
      if (generation !== this.generation) return;
      if (message !== undefined && result !== undefined) {
        const { data, from, id, offset: number, timestamp } = message;
        const whole: DirectMessage = {
          data: result.issues === undefined ? result.value : data,
          ...(from !== undefined && { from }),
          id,
          ...(number !== undefined && { epoch, offset }),
          timestamp,
        };
        if (result.issues === undefined) listener.onMessage(whole);
        else listener.onInvalid?.(whole, result.issues);
      }
      this.position = { epoch, offset };
      this.context.moved(room, this.position);
    };
    const result = message && validated(this.schema, message.data);
    if (result instanceof Promise) return result.then(give);
    give(result);
    return undefined;
  }
}
