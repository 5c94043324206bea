import type { Position } from '../../src/protocol/position.js';

/** What the order of a room goes by. */
export interface Numbered {
  readonly id: string;
  readonly offset?: number;
}

/** What the server says of a publish of this connection. */
export interface Acknowledged extends Partial<Position> {
  readonly duplicate?: true;
}

export interface Loss<Reason> extends Position {
  readonly reason: Reason;
  /** Nothing is lost: the same place has another name now. */
  readonly recovered?: boolean;
}

/** What comes out, in order: a message, something lost, or the room's position without either. */
export type Ordered<Message, Reason> = Position &
  (
    | { readonly message: Message; readonly lost?: undefined }
    | { readonly lost: Reason; readonly message?: undefined }
    | { readonly message?: undefined; readonly lost?: undefined }
  );

interface Outstanding<Message> {
  readonly sentAt: number;
  readonly make: (position: Position) => Message;
  /** It has its place already, so that it cannot be what fills another. */
  placed: boolean;
}

interface Own<Message> extends Position {
  readonly message: Message;
}

type Arrival<Message, Reason> = (
  { readonly message: Message; readonly offset: number } | { readonly gap: Loss<Reason> }
) & {
  /** How much had been sent by then. What is sent later cannot have come before. */
  readonly sent: number;
};

/**
 * Puts a room's messages in order, those of this connection among them, each once.
 *
 * The server leaves out of a connection's stream what that connection published: its place shows as a hole, and the
 * acknowledgement, which may come before or after the neighbours, says what belongs there. So what arrives behind a
 * hole waits for as long as something is unanswered that may fill it. Where there are just as many holes as there is
 * unanswered, they need not wait: the one fills the other, in order.
 */
export class Sequencer<Message extends Numbered, Reason> {
  private at: Position | undefined;
  private sent = 0;
  private readonly outstanding = new Map<string, Outstanding<Message>>();
  /** Acknowledged on this connection, and its place not reached. In order within each epoch. */
  private own: Own<Message>[] = [];
  /** The same of connections before. The server sends these itself, unless it does not have them any more. */
  private former: Own<Message>[] = [];
  private held: Arrival<Message, Reason>[] = [];
  /** Something was published of which it is not known what became: holes may be its own. */
  private uncertain = false;

  constructor(private readonly emit: (item: Ordered<Message, Reason>) => void) {}

  /** Where the room stands: everything up to here has come out. */
  get position(): Position | undefined {
    return this.at;
  }

  /** How much waits. */
  get waiting(): number {
    return this.held.length;
  }

  /**
   * The room was joined; what follows this position comes.
   *
   * @param lost why not everything comes that followed the position before
   */
  joined({ epoch, offset }: Position, lost?: Reason): void {
    const from = this.at;
    if (lost !== undefined && from !== undefined) {
      this.own = [...this.former, ...this.own].sort(byOffset);
      this.takeUpTo({ epoch, offset }, from);
    }
    this.former = [];
    this.held = [];
    this.own = this.own.filter((one) => one.epoch !== epoch || one.offset > offset);
    this.at = { epoch, offset };
    this.emit(lost === undefined ? { epoch, offset } : { epoch, offset, lost });
    this.advance();
  }

  /** Takes no more messages, until it is joined again. What waits comes out now. */
  left(): void {
    this.outstanding.clear();
    this.advance();
    this.forget();
  }

  /** The connection is gone. What waits is not lost: it comes again after the position. */
  disconnected(): void {
    this.former.push(...this.own);
    this.own = [];
    this.held = [];
    this.outstanding.clear();
    this.uncertain = false;
  }

  /** Starts anew, without a position. */
  forget(): void {
    this.disconnected();
    this.former = [];
    this.at = undefined;
  }

  /** Something is on its way that is not to be told of: holes may be its own. */
  publishingUntold(): void {
    this.uncertain = true;
  }

  /** A publish is on its way. Sending it again under the same id changes nothing. */
  publishing(id: string, make: (position: Position) => Message): void {
    if (this.outstanding.has(id)) return;
    this.outstanding.set(id, { sentAt: (this.sent += 1), make, placed: false });
  }

  /**
   * The publish was answered.
   *
   * @param ack nothing where it failed
   * @param elsewhere the first of two publishes with this id was not this connection's, and is sent to it
   */
  answered(id: string, ack?: Acknowledged, elsewhere = false): void {
    const publish = this.outstanding.get(id);
    this.outstanding.delete(id);
    if (publish === undefined) return;
    const { epoch, offset } = ack ?? {};
    if (epoch === undefined || offset === undefined) this.uncertain = true;
    else if (!publish.placed && !elsewhere) this.put({ epoch, offset }, publish.make);
    this.advance();
  }

  /** @param isOwn this user sent it, so that its id is one of this user's */
  received(message: Message, isOwn: boolean): void {
    const { offset } = message;
    if (isOwn) {
      // It is sent to this connection, so that it leaves no hole in what is.
      const publish = this.outstanding.get(message.id);
      if (publish !== undefined) publish.placed = true;
      this.own = this.own.filter((one) => one.message.id !== message.id);
    }
    if (this.at === undefined) return;
    if (offset === undefined) this.emit({ ...this.at, message });
    else this.arrive({ message, offset, sent: this.sent });
  }

  gap(gap: Loss<Reason>): void {
    if (this.at !== undefined) this.arrive({ gap, sent: this.sent });
  }

  private arrive(arrival: Arrival<Message, Reason>): void {
    this.held.push(arrival);
    this.advance();
  }

  private put({ epoch, offset }: Position, make: (position: Position) => Message): void {
    const at = this.at;
    if (at?.epoch === epoch && offset <= at.offset) return;
    this.own.push({ epoch, offset, message: make({ epoch, offset }) });
    this.own.sort(byOffset);
  }

  private advance(): void {
    for (;;) {
      this.takeOwn();
      const [next] = this.held;
      if (next === undefined || this.at === undefined || !this.take(next, this.at)) return;
    }
  }

  /** Of two epochs, the first goes on to its end. */
  private takeUpTo(to: Position, from: Position): void {
    if (to.epoch !== from.epoch) this.takeOwn({ epoch: from.epoch, offset: Infinity });
    this.takeOwn(to);
  }

  /** Brings out what is this connection's own and next, or up to a position. */
  private takeOwn(to?: Position): void {
    this.own = this.own.filter(({ message, epoch, offset }) => {
      const at = this.at;
      if (at === undefined) return true;
      const isNext = at.epoch === epoch && offset === at.offset + 1;
      const isPassed = to !== undefined && isBetween({ epoch, offset }, at, to);
      if (isNext || isPassed) {
        this.at = { epoch, offset };
        this.emit({ epoch, offset, message });
        return false;
      }
      return at.epoch !== epoch || offset > at.offset;
    });
  }

  /** @returns false when it has to wait */
  private take(arrival: Arrival<Message, Reason>, at: Position): boolean {
    const gap = 'gap' in arrival ? arrival.gap : undefined;
    const offset = 'gap' in arrival ? arrival.gap.offset : arrival.offset - 1;
    const to: Position = { epoch: gap?.epoch ?? at.epoch, offset };
    const isNext = gap === undefined && offset <= at.offset;
    if (!isNext && this.isAwaited(arrival, at, to, gap !== undefined)) return false;
    this.held.shift();
    this.takeUpTo(to, at);
    if ('message' in arrival) {
      if (this.at !== undefined && arrival.offset <= this.at.offset) return true;
      this.at = { epoch: at.epoch, offset: arrival.offset };
      this.emit({ ...this.at, message: arrival.message });
    } else {
      const { epoch, reason, recovered } = arrival.gap;
      const passed = this.at?.epoch === epoch ? this.at.offset : 0;
      this.at = { epoch, offset: Math.max(offset, passed) };
      this.emit(recovered ? this.at : { ...this.at, lost: reason });
    }
    return true;
  }

  /** True while something that was sent before may have its place here. */
  private isAwaited(arrival: Arrival<Message, Reason>, at: Position, to: Position, isGap: boolean): boolean {
    const candidates = [...this.outstanding.values()].filter(({ sentAt, placed }) => !placed && sentAt <= arrival.sent);
    if (candidates.length === 0) return false;
    if (isGap || this.uncertain) return true;
    const taken = new Set(this.own.flatMap((one) => (one.epoch === at.epoch ? [one.offset] : [])));
    const holes: number[] = [];
    for (let offset = at.offset + 1; offset <= to.offset && holes.length <= candidates.length; offset += 1) {
      if (!taken.has(offset)) holes.push(offset);
    }
    if (holes.length === 0) return false;
    if (holes.length !== candidates.length) return true;
    for (const [index, candidate] of candidates.entries()) {
      this.put({ epoch: at.epoch, offset: holes[index] ?? 0 }, candidate.make);
      candidate.placed = true;
    }
    return false;
  }
}

function byOffset(one: Position, other: Position): number {
  return one.offset - other.offset;
}

/** True for a place behind the one and not behind the other; of two epochs, the first ends where the second begins. */
function isBetween(place: Position, from: Position, to: Position): boolean {
  if (from.epoch === to.epoch)
    return place.epoch === to.epoch && place.offset > from.offset && place.offset <= to.offset;
  return place.epoch === from.epoch
    ? place.offset > from.offset
    : place.epoch === to.epoch && place.offset <= to.offset;
}
