import type { LossReason, Position } from '../../protocol/position.js';
import type { HistoryPage } from '../broker.js';
import type { NumberedPublication } from '../publication.js';
import { readEntry } from './frames.js';

/** An epoch of a room. */
export interface Leg {
  readonly epoch: string;
  /** The offset after which it begins. */
  readonly base: number;
  /** It began with a loss. */
  readonly isLossy: boolean;
}

/** Where a room stands in Redis. */
export interface Standing extends Position, Leg {
  /** The current epoch, and earlier ones before it if they were requested. */
  readonly legs: readonly Leg[];
  /** The run of Redis. */
  readonly run: string;
  /** The room gathers what nodes know after Redis began a new run. */
  readonly isGathering: boolean;
  /** This node has something to restore. */
  readonly hasLess: boolean;
}

/** A page of a room's history in Redis. */
export interface Read {
  readonly page: HistoryPage;
  /** The epoch in which the room is. */
  readonly leg: Leg;
  /** The requested position has an epoch that began later than all epochs in Redis. */
  readonly isAhead: boolean;
}

/**
 * Reads what `history.lua` returns.
 *
 * @returns undefined while the room gathers what nodes know
 */
export function readPage(reply: unknown): Read | undefined {
  const [epoch, head, legs = '', after, lost, ...entries] = reply as string[];
  if (epoch === undefined) return undefined;
  const publications: NumberedPublication[] = [];
  for (let index = 0; index + 1 < entries.length; index += 2) {
    publications.push(readEntry(entries[index] ?? '', entries[index + 1] ?? ''));
  }
  const page = { head: { epoch, offset: Number(head) }, after: Number(after), publications };
  const leg = lastOf(readLegs(legs));
  const isAhead = lost === 'ahead';
  if (lost === '' || lost === undefined) return { page, leg, isAhead };
  return { page: { ...page, lost: isAhead ? 'epoch' : (lost as LossReason) }, leg, isAhead };
}

/** Reads what `positions.lua` and `restore.lua` return. */
export function readStandings(reply: unknown): Standing[] {
  const fields = reply as string[];
  const standings: Standing[] = [];
  for (let index = 0; index + 4 < fields.length; index += 5) {
    const [, offset, text = '', run = '', state] = fields.slice(index, index + 5);
    const legs = readLegs(text);
    standings.push({
      ...lastOf(legs),
      legs,
      offset: Number(offset),
      run,
      isGathering: state !== '',
      hasLess: state === 'more',
    });
  }
  return standings;
}

/** What a comparison of rooms with Redis found. */
export interface Comparison {
  /** The run of Redis. */
  readonly run: string;
  /** The epoch of rooms without a message. */
  readonly unusedEpoch: string;
  /** The rooms that differ, by their place in the question: the unused ones come first. */
  readonly different: readonly number[];
}

/** Reads what `compare.lua` returns. */
export function readComparison(reply: unknown): Comparison {
  const [run, unusedEpoch, ...different] = reply as [string, string, ...number[]];
  return { run, unusedEpoch, different };
}

/** Reads epochs with their starts, as `legs_of` in `room.lua.ts` writes them. */
function readLegs(text: string): Leg[] {
  return text.split(' ').map(readLeg);
}

/** Reads an epoch with its start. */
export function readLeg(text: string): Leg {
  const end = text.lastIndexOf(':');
  return {
    epoch: text.slice(0, end),
    base: Number.parseInt(text.slice(end + 1), 10),
    isLossy: text.endsWith('!'),
  };
}

function lastOf(legs: readonly Leg[]): Leg {
  return legs.at(-1) ?? { epoch: '', base: 0, isLossy: false };
}

/** Reads a position kept as `epoch offset`. */
export function readPosition(reply: unknown): Position | undefined {
  if (typeof reply !== 'string') return undefined;
  const [epoch = '', offset] = reply.split(' ');
  return { epoch, offset: Number(offset) };
}
