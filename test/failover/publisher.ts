import type { ErrorPayload } from '../../src/protocol/errors.js';
import type { AckPayload } from '../../src/protocol/messages.js';
import { Client, type Nodes } from './client.js';
import type { Ledger, Sent } from './ledger.js';
import { GIVE_UP_MS, type Frame, type Session } from './session.js';

const RETRY_MS = 100;
/** Percentage of messages that repeat an earlier id. */
const REPEATS = 5;
/** Limit on the acknowledged messages of a room that may be repeated. */
const RECENT = 10;

interface Pending {
  readonly message: Sent;
  /** Time of the attempt on the current connection; undefined before it. */
  sentAt: number | undefined;
}

/** A publisher that sends one message at a time to each room, and retries it until it is acknowledged. */
export class Publisher extends Client {
  private readonly pending = new Map<string, Pending>();
  private readonly acknowledged = new Map<string, Sent[]>();
  /** Number of messages so far, by room. */
  private readonly counts = new Map<string, number>();
  private ticking: NodeJS.Timeout | undefined;

  constructor(
    userId: string,
    nodes: Nodes,
    private readonly rooms: readonly string[],
    private readonly ledger: Ledger,
    private readonly pick: (bound: number) => number,
  ) {
    super(userId, nodes);
  }

  /** Publishes to random rooms at an interval. */
  begin(everyMs: number): void {
    this.ticking = setInterval(() => this.publish(), everyMs);
  }

  /** Sends no new messages; retries continue. */
  finish(): void {
    clearInterval(this.ticking);
  }

  get unfinished(): number {
    return this.pending.size;
  }

  override stop(): void {
    this.finish();
    super.stop();
  }

  isOverdue(now: number): boolean {
    return [...this.pending.values()].some(({ sentAt }) => sentAt !== undefined && now - sentAt > GIVE_UP_MS);
  }

  onFrame({ type, payload, requestId }: Frame): void {
    const { session } = this;
    if (session === undefined) return;
    if (type === 'connected') for (const pending of this.pending.values()) this.transmit(session, pending);
    else if (type === 'ack') this.acknowledge(session, payload as AckPayload);
    else if (type === 'error') this.refused(session, requestId, payload as ErrorPayload);
  }

  protected onLeft(): number {
    for (const pending of this.pending.values()) pending.sentAt = undefined;
    return 0;
  }

  private publish(): void {
    const room = this.rooms[this.pick(this.rooms.length)] ?? '';
    const repeats = this.pick(100) < REPEATS;
    const recent = this.acknowledged.get(room) ?? [];
    const again = recent[this.pick(Math.max(1, recent.length))];
    if (this.pending.has(room)) return;
    const message = repeats && again !== undefined ? again : this.create(room);
    const pending = { message, sentAt: undefined };
    this.pending.set(room, pending);
    if (this.session !== undefined) this.transmit(this.session, pending);
  }

  private create(room: string): Sent {
    const n = (this.counts.get(room) ?? 0) + 1;
    this.counts.set(room, n);
    return this.ledger.send(room, this.userId, n);
  }

  private transmit(session: Session, pending: Pending): void {
    const { id, room, attempts } = pending.message;
    if (!session.send('room:message', { room, id, data: id }, id)) return;
    attempts.push({ at: this.ledger.clock(), node: session.place.name });
    pending.sentAt = performance.now();
  }

  private acknowledge(session: Session, { room, id, epoch = '', offset = 0, duplicate }: AckPayload): void {
    const message = this.pending.get(room)?.message;
    if (message?.id !== id) return;
    this.pending.delete(room);
    const node = session.place.name;
    message.acknowledgements.push({ at: this.ledger.clock(), node, epoch, offset, duplicate: duplicate === true });
    if (message.acknowledgements.length > 1) return;
    const recent = this.acknowledged.get(room) ?? [];
    this.acknowledged.set(room, [...recent, message].slice(-RECENT));
  }

  private refused(session: Session, id: string | undefined, { code }: ErrorPayload): void {
    const pending = [...this.pending.values()].find(({ message }) => message.id === id);
    if (code !== 'UNAVAILABLE') this.ledger.happened(`${this.userId} got ${code} for ${id}`);
    if (pending === undefined) return;
    pending.sentAt = undefined;
    setTimeout(() => {
      if (this.session === session && this.pending.get(pending.message.room) === pending)
        this.transmit(session, pending);
    }, RETRY_MS);
  }
}
