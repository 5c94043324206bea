import type { RoomMessagePayload } from '../../src/protocol/messages.js';
import type { Position } from '../../src/protocol/position.js';
import type { DirectMessage, Gap } from './messages.js';
import type { Publications } from './publisher.js';
import { Sequencer, type Acknowledged, type Loss, type Ordered } from './sequencer.js';
import type { StandardIssue, StandardSchemaV1 } from './standard-schema.js';

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

  private pass(item: Ordered<Payload, Reason>): void {
    if (this.checking !== undefined) {
      this.checkAfter(this.checking, item);
      return;
    }
    const pending = this.handle(item, this.generation);
    if (pending !== undefined) this.wait(pending);
  }

  private checkAfter(checking: Promise<void>, item: Ordered<Payload, Reason>): void {
    const { generation } = this;
    this.wait(checking.then(() => this.handle(item, generation)));
  }

  private wait(pending: Promise<void>): void {
    this.checking = pending;
    void pending.then(() => {
      if (this.checking === pending) this.checking = undefined;
    });
  }

  /** @returns something to wait for, where the validator takes its time */
  private handle(item: Ordered<Payload, Reason>, generation: number): Promise<void> | undefined {
    if (generation !== this.generation) return undefined;
    const { epoch, offset, message, lost } = item;
    if (lost !== undefined) this.listener.onGap({ room: this.room, reason: lost, epoch, offset });
    if (message === undefined) {
      this.moveTo({ epoch, offset });
      return undefined;
    }
    const { room: _room, ...payload } = message as RoomMessagePayload;
    const whole: DirectMessage = payload.offset === undefined ? payload : { ...payload, epoch };
    const pending = this.check(whole, generation);
    if (pending !== undefined) return pending.then(() => this.moveTo({ epoch, offset }, generation));
    this.moveTo({ epoch, offset });
    return undefined;
  }

  private check(message: DirectMessage, generation: number): Promise<void> | undefined {
    const { schema, listener } = this;
    if (schema === undefined) {
      listener.onMessage(message);
      return undefined;
    }
    const give = (issues: readonly StandardIssue[] | undefined, data?: unknown): void => {
      if (generation !== this.generation) return;
      if (issues === undefined) listener.onMessage({ ...message, data });
      else listener.onInvalid?.(message, issues);
    };
    const broken = (error: unknown): void => give([{ message: String(error) }]);
    try {
      const result = schema['~standard'].validate(message.data);
      if (result instanceof Promise) {
        return result.then((found) => give(found.issues, 'value' in found ? found.value : undefined), broken);
      }
      give(result.issues, 'value' in result ? result.value : undefined);
    } catch (error) {
      // A validator that throws has not said yes.
      broken(error);
    }
    return undefined;
  }

  private moveTo(position: Position, generation = this.generation): void {
    if (generation !== this.generation) return;
    this.position = position;
    this.context.moved(this.room, position);
  }
}
