import type { LossReason, Position } from '../../protocol/position.js';
import type { HistoryPage } from '../broker.js';
import type { NumberedPublication } from '../publication.js';
import { readEntry } from './frames.js';

/** Where a room stands in Redis. */
export interface Standing extends Position {
  /** It waits for what nodes know, in a new run of Redis, before it goes on. */
  readonly isGathering: boolean;
}

/**
 * Reads what `history.lua` returns.
 *
 * @returns undefined while the room gathers what nodes know
 */
export function readPage(reply: unknown): HistoryPage | undefined {
  const [epoch, head, after, lost, ...entries] = reply as string[];
  if (epoch === undefined) return undefined;
  const publications: NumberedPublication[] = [];
  for (let index = 0; index + 1 < entries.length; index += 2) {
    publications.push(readEntry(entries[index] ?? '', entries[index + 1] ?? ''));
  }
  const page = { head: { epoch, offset: Number(head) }, after: Number(after), publications };
  return lost === '' ? page : { ...page, lost: lost as LossReason };
}

/** Reads what `positions.lua` and `restore.lua` return. */
export function readStandings(reply: unknown): Standing[] {
  const fields = reply as string[];
  const standings: Standing[] = [];
  for (let index = 0; index + 2 < fields.length; index += 3) {
    const [epoch = '', offset, state] = fields.slice(index, index + 3);
    standings.push({ epoch, offset: Number(offset), isGathering: state !== '' });
  }
  return standings;
}

/** Reads a position kept as `epoch offset`. */
export function readPosition(reply: unknown): Position | undefined {
  if (typeof reply !== 'string') return undefined;
  const [epoch = '', offset] = reply.split(' ');
  return { epoch, offset: Number(offset) };
}
