import type { LossReason, Position } from '../../protocol/position.js';
import type { HistoryPage } from '../broker.js';
import type { NumberedPublication } from '../publication.js';
import { readEntry } from './frames.js';

/** Reads what `history.lua` returns. */
export function readPage(reply: unknown): HistoryPage {
  const [epoch = '', head, after, lost, ...entries] = reply as string[];
  const publications: NumberedPublication[] = [];
  for (let index = 0; index + 1 < entries.length; index += 2) {
    publications.push(readEntry(entries[index] ?? '', entries[index + 1] ?? ''));
  }
  const page = { head: { epoch, offset: Number(head) }, after: Number(after), publications };
  return lost === '' ? page : { ...page, lost: lost as LossReason };
}

/** Reads what `positions.lua` returns. */
export function readPositions(reply: unknown): Position[] {
  const fields = reply as string[];
  const positions: Position[] = [];
  for (let index = 0; index + 1 < fields.length; index += 2) {
    positions.push({ epoch: fields[index] ?? '', offset: Number(fields[index + 1]) });
  }
  return positions;
}

/** Reads a position kept as `epoch offset`. */
export function readPosition(reply: unknown): Position | undefined {
  if (typeof reply !== 'string') return undefined;
  const [epoch = '', offset] = reply.split(' ');
  return { epoch, offset: Number(offset) };
}
