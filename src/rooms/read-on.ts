import type { HistoryPage } from '../broker/broker.js';
import type { NumberedPublication } from '../broker/publication.js';
import type { LossReason, Position } from '../protocol/position.js';

/** What a reader does with a page of history. */
export interface Step {
  /** Where the run begins: its messages follow this position without a gap. */
  readonly start: Position;
  /** Set when `start` is not where the reader stood: what lay between is lost. */
  readonly lost: LossReason | undefined;
  readonly publications: readonly NumberedPublication[];
  /** Where the reader stands after the run. */
  readonly end: Position;
}

/** The step from a position over the page that was read from there. */
export function readOn(page: HistoryPage): Step {
  const { epoch } = page.head;
  const last = page.publications.at(-1);
  return {
    start: { epoch, offset: page.after },
    lost: page.lost,
    publications: page.publications,
    end: { epoch, offset: last?.offset ?? page.after },
  };
}

/** True when a reader stands just where the room does. */
export function isSame(reader: Position, room: Position): boolean {
  return reader.epoch === room.epoch && reader.offset === room.offset;
}

/** True when a reader has everything that is known of the room. */
export function isLevel(reader: Position, room: Position): boolean {
  return reader.epoch === room.epoch && reader.offset >= room.offset;
}

/** What a delivery means for a room that stands at a position. */
export type Arrival =
  /** The next one. */
  | 'next'
  /** Had already. */
  | 'seen'
  /** Others before it did not come, or the history is another one. */
  | 'ahead';

export function arrivalOf(position: Position, epoch: string, offset: number): Arrival {
  if (epoch !== position.epoch) return 'ahead';
  if (offset <= position.offset) return 'seen';
  return offset === position.offset + 1 ? 'next' : 'ahead';
}
