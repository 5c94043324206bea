import { isNumbered, type Publication } from '../broker/publication.js';
import type { RoomBehaviour } from '../config/room-rule.js';
import type { Connection } from '../connections/connection.js';
import type { Outbox } from '../connections/outbox.js';
import type { Flushable } from '../connections/turn.js';
import type { GapPayload } from '../protocol/messages.js';
import type { Position } from '../protocol/position.js';
import type { Lag } from './lag.js';
import type { RecentRun } from './recent-run.js';

/** What a message that is kept back takes besides its text. */
const OVERHEAD_BYTES = 200;

/** Not among the live members. */
export const AWAY = -1;

/**
 * A connection in a room. It is one of
 * - live: gets each run of messages as it is, without a look at it;
 * - catching up: has a position of its own and reads history until it is level with the room;
 * - lagging: the room has no history to catch up from, and its rule says what waits meanwhile.
 */
export class Membership {
  /** Place among the room's live members, or {@link AWAY}. */
  index = AWAY;
  /** Where the member stands while it catches up. */
  position: Position | undefined;
  /** What waits for it while it lags. */
  lag: Lag | undefined;
  /** Messages and gaps that came before the reply to its `join` was sent; they must not overtake it. */
  held: (Publication | Omit<GapPayload, 'room'>)[] | undefined;
  /** How far it has said that it has dealt with the room’s messages. */
  acknowledged: Position | undefined;
  left = false;
  /** Where its messages begin; two fields, since there are many members. */
  readonly startEpoch: string;
  readonly startOffset: number;
  /** Where it stood when messages began to be kept back, and where it ended. */
  private heldFrom: Position | undefined;
  private heldBytes = 0;
  private whenReleased: (() => void) | undefined;
  private end: Position | undefined;

  constructor(
    readonly connection: Connection,
    readonly room: Room,
    start: Position,
    /** The application put it there, and not the client itself. */
    readonly byServer = false,
  ) {
    this.startEpoch = start.epoch;
    this.startOffset = start.offset;
  }

  get isLive(): boolean {
    return this.index !== AWAY;
  }

  /** The position after which the member’s next message comes, or would have come before it left. */
  get standing(): Position {
    return this.end ?? this.position ?? this.lag?.start ?? this.room.position;
  }

  /** Keeps messages back until {@link release}. */
  hold(): void {
    this.held = [];
    this.heldFrom = this.room.position;
    this.room.keepBackFrom(this);
  }

  /**
   * Keeps a run back.
   *
   * @returns false where as much as may wait for the connection is kept back already
   */
  keep(run: readonly Publication[]): boolean {
    const { bound } = this.connection.outbox;
    if (bound > 0 && this.heldBytes >= bound) return false;
    this.held?.push(...run);
    for (const { data } of run) this.heldBytes += data.length + OVERHEAD_BYTES;
    return true;
  }

  /** Calls back when nothing is kept back any more, after it has been handed over; at once where nothing is. */
  afterRelease(callback: () => void): void {
    if (this.held === undefined) callback();
    else this.whenReleased = callback;
  }

  release(): void {
    const { held = [], left, whenReleased } = this;
    this.held = undefined;
    this.heldFrom = undefined;
    this.heldBytes = 0;
    this.whenReleased = undefined;
    this.room.keepNothingBackFrom(this);
    if (left) return;
    for (const item of held) {
      if ('reason' in item) this.tellGap(item);
      else this.give(item);
    }
    whenReleased?.();
  }

  /** What is kept back does not come any more. */
  leave(): void {
    this.end = this.heldFrom ?? this.standing;
    this.left = true;
  }

  /** Tells of what is lost, in its place among the messages. */
  tellGap(gap: Omit<GapPayload, 'room'>): void {
    const { connection, room, held } = this;
    if (held === undefined) connection.send('room:gap', { room: room.name, ...gap });
    else held.push(gap);
  }

  /** Hands over one message by itself, whatever the backlog. Its own ones it has already. */
  give(publication: Publication): void {
    const { connection, room } = this;
    if (publication.origin === connection.id && !room.behaviour.echo) return;
    connection.outbox.push(connection.wire.publication(room.name, publication));
  }
}

/** What a room needs of the floor around it. */
export interface RoomContext {
  /** Flushes the room at the end of the turn. */
  endOfTurn(room: Flushable): void;
  /** Gives the run to the live members, and sees to those who could not take it. */
  deliver(room: Room, run: readonly Publication[]): void;
}

const NOBODY: ReadonlySet<Membership> = new Set();

/** The set is there only while somebody is in it: there are many rooms, and most of them never need one. */
function including(set: Set<Membership> | undefined, member: Membership): Set<Membership> {
  return (set ?? new Set()).add(member);
}

function excluding(set: Set<Membership> | undefined, member: Membership): Set<Membership> | undefined {
  set?.delete(member);
  return set?.size === 0 ? undefined : set;
}

/** A run is delivered at once when it has grown to this many bytes: a flood must not pile up until the turn ends. */
const MAX_RUN_BYTES = 256 * 1024;

/**
 * A room on this node: who is in it, and how far its live members have come. All live members stand at the one
 * position of the room, so that a message needs no look at each of them.
 */
export class Room implements Flushable {
  readonly live: Membership[] = [];
  /** Those of the live members, in the same places: the fan-out touches nothing else of a member. */
  readonly outboxes: Outbox[] = [];
  /** Set while the broker starts delivery; rejects where it cannot. */
  opening: Promise<void> | undefined;
  /** Joins in progress: an empty room that somebody is about to enter is not closed. */
  entering = 0;
  /** Deliveries that came out of order, kept while history is read for what lies between. */
  ahead: { readonly epoch: string; readonly publication: Publication }[] | undefined;
  /** The latest messages, while members return that may have missed them. */
  recent: RecentRun | undefined;
  epoch = '';
  offset = 0;
  private heldBack: Set<Membership> | undefined;
  private absent: Set<Membership> | undefined;
  private run: Publication[] = [];
  private runBytes = 0;

  constructor(
    readonly name: string,
    readonly behaviour: RoomBehaviour,
    private readonly context: RoomContext,
  ) {}

  get size(): number {
    return this.live.length + this.away.size;
  }

  /** Live members from whom messages are kept back for a moment. */
  get holding(): ReadonlySet<Membership> {
    return this.heldBack ?? NOBODY;
  }

  /** Members who catch up or lag. */
  get away(): ReadonlySet<Membership> {
    return this.absent ?? NOBODY;
  }

  get keepsHistory(): boolean {
    return this.behaviour.historySize > 0 && this.behaviour.historyTtlMs > 0;
  }

  get position(): Position {
    return { epoch: this.epoch, offset: this.offset };
  }

  *members(): IterableIterator<Membership> {
    yield* this.live;
    yield* this.away;
  }

  /** Puts a message at the end of the run; numbered ones must be the next in order. */
  append(publication: Publication): void {
    if (isNumbered(publication)) {
      this.offset = publication.offset;
      this.recent?.add(publication);
    }
    this.run.push(publication);
    this.runBytes += publication.data.length;
    if (this.runBytes > MAX_RUN_BYTES) this.flush();
    else if (this.run.length === 1) this.context.endOfTurn(this);
  }

  /** Delivers the run. Comes before every change of membership, so that each member gets just what is its own. */
  flush(): void {
    const { run } = this;
    if (run.length === 0) return;
    this.run = [];
    this.runBytes = 0;
    this.context.deliver(this, run);
  }

  /** Moves on without messages, past what is lost. */
  skipTo({ epoch, offset }: Position): void {
    this.flush();
    this.recent = undefined;
    this.epoch = epoch;
    this.offset = offset;
  }

  /** To be done when a member enters that is not live yet. */
  addAway(member: Membership): void {
    this.absent = including(this.absent, member);
  }

  keepBackFrom(member: Membership): void {
    this.heldBack = including(this.heldBack, member);
  }

  keepNothingBackFrom(member: Membership): void {
    this.heldBack = excluding(this.heldBack, member);
  }

  /** Makes a member live. From now on it stands where the room stands. */
  addLive(member: Membership): void {
    this.flush();
    this.absent = excluding(this.absent, member);
    member.position = undefined;
    member.lag = undefined;
    member.index = this.live.length;
    this.live.push(member);
    this.outboxes.push(member.connection.outbox);
  }

  /** Takes a member from the live ones; its place goes to the last of them. */
  takeAway(member: Membership): void {
    const last = this.live.pop();
    this.outboxes.pop();
    if (last !== undefined && last !== member) {
      this.live[member.index] = last;
      this.outboxes[member.index] = last.connection.outbox;
      last.index = member.index;
    }
    member.index = AWAY;
    this.keepNothingBackFrom(member);
    this.addAway(member);
  }

  remove(member: Membership): void {
    this.flush();
    member.leave();
    if (member.isLive) this.takeAway(member);
    this.absent = excluding(this.absent, member);
    this.keepNothingBackFrom(member);
  }
}
