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
  | { readonly message: Message; readonly offset: number }
  | { readonly gap: Loss<Reason> }
) & {
  /** How much had been sent by then. What is sent later cannot have come before. */
  readonly sent: number;
};

/** So many messages are kept from before the room is joined: it may be joined from a position before them. */
const MAX_EARLY = 100;

/**
 * Puts a room's messages in order, those of this connection among them, each once.
 *
 * The server leaves out of a connection's stream what that connection published: its place shows as a hole, and the
 * acknowledgement, which may come before or after the neighbours, says what belongs there. So what arrives behind a
 * hole waits for as long as something is unanswered that may fill it. Where there are just as many holes as there is
 * unanswered, they need not wait: the one fills the other, in order.
 */
export function createSequencer<Message extends Numbered, Reason>(emit: (item: Ordered<Message, Reason>) => void) {
  let at: Position | undefined;
  let sent = 0;
  const outstanding = new Map<string, Outstanding<Message>>();
  /** Acknowledged on this connection, and its place not reached. In order within each epoch. */
  let own: Own<Message>[] = [];
  /** The same of connections before. The server sends these itself, unless it does not have them any more. */
  let former: Own<Message>[] = [];
  let held: Arrival<Message, Reason>[] = [];
  /** Something was published of which it is not known what became: holes may be its own. */
  let uncertain = false;
  /** More was published before the room is joined than is kept. */
  let crowded = false;

  /**
   * The room was joined; what follows this position comes.
   *
   * @param lost why not everything comes that followed the position before
   */
  function joined({ epoch, offset }: Position, lost?: Reason): void {
    const from = at;
    if (lost !== undefined && from !== undefined) {
      own.push(...former);
      own.sort(byOffset);
      takeUpTo({ epoch, offset }, from, lost);
    }
    former = [];
    held = [];
    own = own.filter((one) => one.epoch !== epoch || one.offset > offset);
    at = { epoch, offset };
    emit(lost === undefined ? { epoch, offset } : { epoch, offset, lost });
    advance();
  }

  /** Takes no more messages, until it is joined again. What waits comes out now. */
  function left(): void {
    outstanding.clear();
    advance();
    forget();
  }

  /** The connection is gone. What waits is not lost: it comes again after the position. */
  function disconnected(): void {
    // Who has no position yet needs none of them: where they follow one, the server sends them itself.
    if (at !== undefined) former.push(...own);
    own = [];
    held = [];
    outstanding.clear();
    uncertain = crowded = false;
  }

  /** Starts anew, without a position. */
  function forget(): void {
    disconnected();
    former = [];
    at = undefined;
  }

  /** A publish is on its way, maybe again: then it is not known before which others it took effect. */
  function publishing(id: string, make: (position: Position) => Message): void {
    if (outstanding.has(id)) uncertain = true;
    else outstanding.set(id, { sentAt: (sent += 1), make, placed: false });
  }

  /**
   * The publish was answered.
   *
   * @param ack nothing where it failed
   * @param elsewhere the first of two publishes with this id was not this connection's, and is sent to it
   */
  function answered(id: string, ack?: Acknowledged, elsewhere = false): void {
    const publish = outstanding.get(id);
    outstanding.delete(id);
    if (publish === undefined) return;
    const { epoch, offset } = ack ?? {};
    if (epoch === undefined || offset === undefined) uncertain = true;
    else if (!publish.placed && !elsewhere) put({ epoch, offset }, publish.make);
    advance();
  }

  /** @param isOwn this user sent it, so that its id is one of this user's */
  function received(message: Message, isOwn: boolean): void {
    const { offset } = message;
    if (isOwn) {
      // It is sent to this connection, so that it leaves no hole in what is.
      const publish = outstanding.get(message.id);
      if (publish !== undefined) publish.placed = true;
      own = own.filter((one) => one.message.id !== message.id);
    }
    if (at === undefined) return;
    if (offset === undefined) emit({ ...at, message });
    else arrive({ message, offset, sent });
  }

  function gap(loss: Loss<Reason>): void {
    if (at !== undefined) arrive({ gap: loss, sent });
  }

  function arrive(arrival: Arrival<Message, Reason>): void {
    held.push(arrival);
    advance();
  }

  function put({ epoch, offset }: Position, make: (position: Position) => Message): void {
    if (at?.epoch === epoch && offset <= at.offset) return;
    own.push({ epoch, offset, message: make({ epoch, offset }) });
    own.sort(byOffset);
    // Who publishes and never joins must not fill the memory.
    if (at === undefined && own.length > MAX_EARLY) {
      own = [];
      crowded = true;
    }
  }

  function advance(): void {
    for (;;) {
      takeOwn();
      const [next] = held;
      if (next === undefined || at === undefined || !take(next, at)) return;
    }
  }

  /** Of two epochs, the first goes on to its end. */
  function takeUpTo(to: Position, from: Position, lost?: Reason): void {
    if (to.epoch !== from.epoch) takeOwn({ epoch: from.epoch, offset: Infinity }, lost);
    takeOwn(to, lost);
  }

  /**
   * Brings out what is this connection's own and next, or up to a position.
   *
   * @param lost why what is missing in between does not come; said before what follows it
   */
  function takeOwn(to?: Position, lost?: Reason): void {
    own = own.filter(({ message, epoch, offset }) => {
      if (at === undefined) return true;
      const isAhead = at.epoch !== epoch || offset > at.offset;
      const isNext = at.epoch === epoch && offset === at.offset + 1;
      const isPassed = to?.epoch === epoch && offset <= to.offset;
      if (!isAhead || !(isNext || isPassed)) return isAhead;
      if (!isNext && lost !== undefined) emit({ epoch, offset: offset - 1, lost });
      at = { epoch, offset };
      emit({ epoch, offset, message });
      return false;
    });
  }

  /** @returns false when it has to wait */
  function take(arrival: Arrival<Message, Reason>, from: Position): boolean {
    const isGap = 'gap' in arrival;
    const offset = isGap ? arrival.gap.offset : arrival.offset - 1;
    const to: Position = { epoch: isGap ? arrival.gap.epoch : from.epoch, offset };
    const isNext = !isGap && offset <= from.offset;
    if (!isNext && isAwaited(arrival, from, to, isGap)) return false;
    held.shift();
    takeUpTo(to, from, isGap && !arrival.gap.recovered ? arrival.gap.reason : undefined);
    if (!isGap) {
      if (at !== undefined && arrival.offset <= at.offset) return true;
      at = { epoch: from.epoch, offset: arrival.offset };
      emit({ ...at, message: arrival.message });
    } else {
      const { epoch, reason, recovered } = arrival.gap;
      const passed = at?.epoch === epoch ? at.offset : 0;
      at = { epoch, offset: Math.max(offset, passed) };
      emit(recovered ? at : { ...at, lost: reason });
    }
    return true;
  }

  /** True while something that was sent before may have its place here. */
  function isAwaited(arrival: Arrival<Message, Reason>, from: Position, to: Position, isGap: boolean): boolean {
    const candidates = [...outstanding.values()].filter(({ sentAt, placed }) => !placed && sentAt <= arrival.sent);
    if (candidates.length === 0) return false;
    if (isGap || uncertain) return true;
    const taken = new Set(own.flatMap((one) => (one.epoch === from.epoch ? [one.offset] : [])));
    const holes: number[] = [];
    for (let offset = from.offset + 1; offset <= to.offset && holes.length <= candidates.length; offset += 1) {
      if (!taken.has(offset)) holes.push(offset);
    }
    if (holes.length === 0) return false;
    if (holes.length !== candidates.length) return true;
    for (const [index, candidate] of candidates.entries()) {
      put({ epoch: from.epoch, offset: holes[index] ?? 0 }, candidate.make);
      candidate.placed = true;
    }
    return false;
  }

  return {
    joined,
    left,
    disconnected,
    forget,
    publishing,
    answered,
    received,
    gap,
    /** Where the room stands: everything up to here has come out. */
    position: () => at,
    /** Holes may be its own that nothing will fill: over another connection the server fills them. */
    isCrowded: () => crowded,
    /** How much waits. */
    waiting: () => held.length,
  };
}

export type Sequencer<Message extends Numbered, Reason> = ReturnType<typeof createSequencer<Message, Reason>>;

function byOffset(one: Position, other: Position): number {
  return one.offset - other.offset;
}
