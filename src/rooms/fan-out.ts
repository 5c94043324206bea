import type { Publication } from '../broker/publication.js';
import type { Wire } from '../connections/wire.js';
import type { Membership } from './room.js';

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

function join(frames: readonly Buffer[]): Buffer {
  const [only] = frames;
  return frames.length === 1 && only !== undefined ? only : Buffer.concat(frames);
}

/**
 * Gives a run of messages to the live members of a room. This is the hot path: for a member it is one look at a flag
 * and one hand-over of bytes that all share.
 *
 * @returns members whose outbox is full: they got nothing of the run
 */
export function fanOut(room: string, run: readonly Publication[], live: readonly Membership[]): Membership[] {
  const encoded = new EncodedRun(room, run);
  const refused: Membership[] = [];
  for (const member of live) {
    const { connection } = member;
    if (member.special) giveSpecially(member, run, encoded, refused);
    else if (!connection.outbox.offer(encoded.wholeFor(connection.wire))) refused.push(member);
  }
  return refused;
}

function giveSpecially(
  member: Membership,
  run: readonly Publication[],
  encoded: EncodedRun,
  refused: Membership[],
): void {
  const { connection } = member;
  if (member.held !== undefined) {
    member.held.push(...run);
    return;
  }
  // The mark is for this run only.
  member.special = false;
  const bytes = encoded.withoutOwn(connection.wire, connection.id);
  if (bytes !== undefined && !connection.outbox.offer(bytes)) refused.push(member);
}
