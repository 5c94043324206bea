import type { Position } from '../../src/protocol/position.js';
import { recall, type Identified, type Memory } from './memory.js';

/** What the order of a room goes by. */
export interface Numbered extends Identified {
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
export interface Ordered<Message, Reason> extends Position {
  readonly message?: Message | undefined;
  readonly lost?: Reason | undefined;
}

interface Outstanding<Message> {
  readonly sentAt: number;
  readonly make: (position: Position) => Message;
  /** It has its place already, so that it cannot be what fills another. */
  placed: boolean;
}

interface Own<Message> extends Position {
  readonly message: Message;
}

/** Names a message that the server sent again, or after one that comes behind it. */
export interface Repeated extends Position {
  readonly id: string;
}

/** A message, or a gap. */
interface Arrival<Message, Reason> extends Partial<Loss<Reason>> {
  readonly message?: Message | undefined;
  readonly isOwn?: boolean;
  readonly offset: number;
  /** How much had been sent by then. What is sent later cannot have come before. */
  readonly sent: number;
}

/**
 * Puts a room's messages in order, those of this connection among them, each once.
 *
 * The server leaves out of a connection's stream what that connection published: its place shows as a hole, and the
 * acknowledgement, which may come before or after the neighbours, says what belongs there. So what arrives behind a
 * hole waits for as long as something is unanswered that may fill it. Where there are just as many holes as there is
 * unanswered, they need not wait: the one fills the other, in order.
 *
 * @param onRepeated a fault of the server: the message does not come out
 * @param keepsEarly counts own messages from before the room is joined, which may be joined from a position before
 *   them; false when there are more than are kept
 */
export function createSequencer<Message extends Numbered, Reason>(
  emit: (item: Ordered<Message, Reason>) => void,
  onRepeated: (repeated: Repeated) => void,
  keepsEarly?: (more: number) => boolean,
) {
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
  const memory: Memory = new Map();

  /**
   * The room was joined; what follows this position comes.
   *
   * @param lost why not everything comes that followed the position before
   */
  function joined(position: Position, lost?: Reason): void {
    const from = at;
    if (lost !== undefined && from !== undefined) {
      own.push(...former);
      takeUpTo(position, from, lost);
    }
    former = [];
    held = [];
    at = position;
    emit({ ...at, lost });
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
    uncertain = false;
  }

  /** Starts anew, without a position. */
  function forget(): void {
    disconnected();
    former = [];
    at = undefined;
    memory.clear();
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
    else if (!elsewhere) put({ epoch, offset }, publish.make);
    advance();
  }

  /** @param isOwn this user sent it, so that its id is one of this user's */
  function received(message: Message, isOwn: boolean): void {
    const { offset } = message;
    if (isOwn) {
      // It is sent to this connection, so that it leaves no hole in what is.
      const publish = outstanding.get(message.id);
      if (publish !== undefined) publish.placed = true;
    }
    if (at === undefined) return;
    if (offset === undefined) emit({ ...at, message });
    else arrive({ message, offset, isOwn, sent });
  }

  function gap(loss: Loss<Reason>): void {
    if (at !== undefined) arrive({ ...loss, message: undefined, sent });
  }

  function arrive(arrival: Arrival<Message, Reason>): void {
    held.push(arrival);
    advance();
  }

  function put(position: Position, make: (position: Position) => Message): void {
    own.push({ ...position, message: make(position) });
    // Who publishes and never joins must not fill the memory.
    if (at === undefined && keepsEarly?.(1) === false) own = [];
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
    if (to.epoch !== from.epoch) {
      takeOwn({ ...from, offset: Infinity }, lost);
      // What the server took back may be published again.
      if (lost !== undefined) for (const given of memory.values()) given.isExpected = true;
    }
    takeOwn(to, lost);
  }

  /**
   * Brings out what is this connection's own and next, or up to a position.
   *
   * @param lost why what is missing in between does not come; said before what follows it
   */
  function takeOwn(to?: Position, lost?: Reason): void {
    own.sort((one, other) => one.offset - other.offset);
    own = own.filter(({ message, epoch, offset }) => {
      if (at === undefined) return true;
      const ahead = at.epoch === epoch ? offset - at.offset : Infinity;
      const isPassed = to?.epoch === epoch && offset <= to.offset;
      if (ahead <= 0 || (ahead > 1 && !isPassed)) return ahead > 0;
      if (ahead > 1 && lost !== undefined) emit({ epoch, offset: offset - 1, lost });
      at = { epoch, offset };
      // The server may send it all the same: where it echoes, and over another connection.
      emit({ epoch, offset, message: recall(memory, message, true) === undefined ? message : undefined });
      return false;
    });
  }

  /** @returns false when it has to wait */
  function take(arrival: Arrival<Message, Reason>, from: Position): boolean {
    const { message, isOwn = false, epoch = from.epoch, offset, reason, recovered } = arrival;
    const to: Position = { epoch, offset: message ? offset - 1 : offset };
    if ((!message || to.offset > from.offset) && isAwaited(arrival, from, to)) return false;
    held.shift();
    const lost = recovered ? undefined : reason;
    takeUpTo(to, from, lost);
    // The application may have left the room on what it was given.
    if (!at) return false;
    const isLate = at.epoch === epoch && offset <= at.offset;
    const isExpected = message && recall(memory, message, isLate && isOwn, isLate);
    if (!isLate) at = { epoch, offset };
    emit({ ...at, lost, message: isExpected === undefined ? message : undefined });
    if (message && isExpected === false) onRepeated({ epoch, offset, id: message.id });
    return true;
  }

  /** True while something that was sent before may have its place here. */
  function isAwaited(arrival: Arrival<Message, Reason>, from: Position, to: Position): boolean {
    const candidates = [...outstanding.values()].filter(({ sentAt, placed }) => !placed && sentAt <= arrival.sent);
    if (!candidates.length) return false;
    if (!arrival.message || uncertain) return true;
    const taken = new Set(own.map((one) => one.epoch === from.epoch && one.offset));
    const holes: number[] = [];
    for (let offset = from.offset + 1; offset <= to.offset && holes.length <= candidates.length; offset += 1) {
      if (!taken.has(offset)) holes.push(offset);
    }
    if (!holes.length) return false;
    if (holes.length !== candidates.length) return true;
    for (const candidate of candidates) {
      put({ epoch: from.epoch, offset: holes.shift() ?? 0 }, candidate.make);
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
    /** How much waits. */
    waiting: () => held.length,
  };
}

export type Sequencer<Message extends Numbered, Reason> = ReturnType<typeof createSequencer<Message, Reason>>;
