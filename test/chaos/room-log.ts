import type { GapPayload, JoinedPayload, RoomMessagePayload } from '../../src/protocol/messages.js';
import type { Position } from '../../src/protocol/position.js';

/** What one member was told about one room. */
export type Entry =
  | { readonly kind: 'message'; readonly epoch: string; readonly offset: number; readonly id: string }
  /** What lies between is lost to this member, as the server says itself. */
  | {
      readonly kind: 'loss';
      readonly from: Position;
      readonly to: Position;
      readonly reason: string;
      readonly at: number;
    }
  /** The room goes on in another epoch, with nothing lost. */
  | { readonly kind: 'moved'; readonly from: Position; readonly to: Position };

/**
 * All that one member was told about one room, over all its connections to whichever nodes. Each message must be the
 * one after the last, or something must have been said in between.
 */
export class RoomLog {
  readonly entries: Entry[] = [];
  /** What must not be; empty when all is well. */
  readonly violations: string[] = [];
  /** Where the member stands, which is where it recovers from; undefined until it has joined once. */
  position: Position | undefined;

  constructor(
    readonly member: string,
    readonly room: string,
  ) {}

  joined({ epoch, offset, recovered, reason }: JoinedPayload): void {
    const from = this.position;
    const to = { epoch, offset };
    this.position = to;
    if (from === undefined) return;
    if (recovered === undefined) this.fail(`no word on recovery from ${from.offset}`);
    else if (recovered) this.move(from, to);
    else this.lose(from, to, reason ?? 'no reason');
  }

  gap({ epoch, offset, reason, recovered }: GapPayload): void {
    const from = this.position;
    const to = { epoch, offset };
    this.position = to;
    if (from === undefined) this.fail('a gap before it had joined');
    else if (recovered === true) this.move(from, to);
    else this.lose(from, to, reason);
  }

  message({ offset = NaN, id, data }: RoomMessagePayload): void {
    const { position } = this;
    if (position === undefined) {
      this.fail(`${offset} before it had joined`);
      return;
    }
    if (offset !== position.offset + 1) this.fail(`${offset} came after ${position.offset}`);
    if (data !== id) this.fail(`${offset} has the id ${id} and holds ${String(data)}`);
    this.entries.push({ kind: 'message', epoch: position.epoch, offset, id });
    this.position = { epoch: position.epoch, offset };
  }

  /** Ids of its messages, as they came. */
  get ids(): string[] {
    return this.entries.flatMap((entry) => (entry.kind === 'message' ? entry.id : []));
  }

  get losses(): Extract<Entry, { kind: 'loss' }>[] {
    return this.entries.filter((entry) => entry.kind === 'loss');
  }

  /** What happened, in short: runs of messages, and what was said between them. */
  toString(): string {
    const parts: string[] = [];
    let run: { epoch: string; first: number; last: number } | undefined;
    const endRun = (): void => {
      if (run !== undefined) parts.push(`${run.epoch} ${run.first}–${run.last}`);
      run = undefined;
    };
    for (const entry of this.entries) {
      if (entry.kind === 'message') {
        const { epoch, offset } = entry;
        run ??= { epoch, first: offset, last: offset };
        run.last = offset;
        continue;
      }
      endRun();
      const way = `${entry.from.epoch} ${entry.from.offset} → ${entry.to.epoch} ${entry.to.offset}`;
      parts.push(entry.kind === 'moved' ? `(${way})` : `(lost ${way}, ${entry.reason}, ${Math.round(entry.at)})`);
    }
    endRun();
    return `${this.member} in ${this.room}: ${parts.join('; ')}`;
  }

  fail(what: string): void {
    this.violations.push(`${this.member} in ${this.room}: ${what}`);
  }

  private move(from: Position, to: Position): void {
    if (from.offset !== to.offset) this.fail(`recovered from ${from.offset} at ${to.offset}`);
    if (from.epoch !== to.epoch) this.entries.push({ kind: 'moved', from, to });
  }

  private lose(from: Position, to: Position, reason: string): void {
    this.entries.push({ kind: 'loss', from, to, reason, at: performance.now() });
  }
}
