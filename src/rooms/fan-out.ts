import type { Publication } from '../broker/publication.js';
import type { Wire } from '../connections/wire.js';
import type { Membership, Room } from './room.js';

const NOTHING = Buffer.alloc(0);

/** A run of messages as bytes: each encoded once for each wire in use, and joined once for all who get the whole run. */
class EncodedRun {
  private readonly frames: Buffer[][] = [];
  private readonly whole: Buffer[] = [];

  constructor(
    private readonly room: string,
    private readonly run: readonly Publication[],
  ) {}

  wholeFor(wire: Wire): Buffer {
    return (this.whole[wire.index] ??= join(this.framesFor(wire)));
  }

  /** All but what this connection published itself; undefined when nothing is left. */
  withoutOwn(wire: Wire, connectionId: string): Buffer | undefined {
    const frames = this.framesFor(wire).filter((_frame, index) => this.run[index]?.origin !== connectionId);
    return frames.length === 0 ? undefined : join(frames);
  }

  private framesFor(wire: Wire): Buffer[] {
    return (this.frames[wire.index] ??= this.run.map((publication) => wire.publication(this.room, publication)));
  }
}

/** What was read once for several members is encoded once for them. */
const encodedRuns = new WeakMap<readonly Publication[], EncodedRun>();

/** Gives a member a run of history, whatever its backlog, apart from what it published itself. */
export function giveRun({ connection, room }: Membership, run: readonly Publication[]): void {
  if (run.length === 0) return;
  let encoded = encodedRuns.get(run);
  if (encoded === undefined) encodedRuns.set(run, (encoded = new EncodedRun(room.name, run)));
  const { id, outbox, wire } = connection;
  const hasOwn = !room.behaviour.echo && run.some(({ origin }) => origin === id);
  const bytes = hasOwn ? encoded.withoutOwn(wire, id) : encoded.wholeFor(wire);
  if (bytes !== undefined) outbox.push(bytes);
}

function join(frames: readonly Buffer[]): Buffer {
  const [only] = frames;
  return frames.length === 1 && only !== undefined ? only : Buffer.concat(frames);
}

/**
 * Gives a run of messages to the live members of a room. This is the hot path: for a member it is one look at its
 * outbox and one hand-over of bytes that all share.
 *
 * @param senders live members that published some of the run
 * @returns members whose outbox is full: they got nothing of the run
 */
export function fanOut(room: Room, run: readonly Publication[], senders: readonly Membership[]): Membership[] {
  const encoded = new EncodedRun(room.name, run);
  const refused: Membership[] = [];
  let from = 0;
  for (const member of inPlace(senders, room.holding)) {
    giveAll(room, from, member.index, encoded, refused);
    giveSpecially(member, run, encoded, refused);
    from = member.index + 1;
  }
  giveAll(room, from, room.live.length, encoded, refused);
  return refused;
}

/** The members that cannot simply be given what the others get, each once, by their places. */
function inPlace(senders: readonly Membership[], holding: ReadonlySet<Membership>): Iterable<Membership> {
  if (senders.length + holding.size < 2) return senders.length > 0 ? senders : holding;
  return [...new Set([...senders, ...holding])].toSorted((one, other) => one.index - other.index);
}

function giveAll({ live, outboxes }: Room, from: number, to: number, encoded: EncodedRun, refused: Membership[]): void {
  let wire: Wire | undefined;
  let bytes: Buffer = NOTHING;
  for (let index = from; index < to; index += 1) {
    const outbox = outboxes[index];
    if (outbox === undefined) return;
    if (outbox.wire !== wire) {
      ({ wire } = outbox);
      bytes = encoded.wholeFor(wire);
    }
    const taken = outbox.offer(bytes);
    const member = taken ? undefined : live[index];
    if (member !== undefined) refused.push(member);
  }
}

function giveSpecially(
  member: Membership,
  run: readonly Publication[],
  encoded: EncodedRun,
  refused: Membership[],
): void {
  const { connection } = member;
  if (member.held !== undefined) {
    if (!member.keep(run)) refused.push(member);
    return;
  }
  const bytes = encoded.withoutOwn(connection.wire, connection.id);
  if (bytes !== undefined && !connection.outbox.offer(bytes)) refused.push(member);
}
