import type { Position } from '../../../src/protocol/position.js';

/** What a member was given, in the order in which it was. */
export type Seen =
  | (Position & { readonly kind: 'message'; readonly id: string })
  | (Position & { readonly kind: 'gap'; readonly reason: string });

const nameOf = ({ kind, epoch, offset }: Seen): string => `${kind} at ${epoch}:${offset}`;

/**
 * What is wrong with what one member was given: each message must be the one after that before it, unless a gap between
 * the two says where the member stands.
 */
export function breaksOf(seen: readonly Seen[]): string[] {
  const breaks: string[] = [];
  for (const [index, entry] of seen.entries()) {
    const before = seen[index - 1];
    if (before === undefined || entry.kind === 'gap') continue;
    const follows = entry.offset === before.offset + 1 && (before.kind === 'message' || entry.epoch === before.epoch);
    if (!follows) breaks.push(`${nameOf(entry)} after ${nameOf(before)}`);
  }
  return breaks;
}

/** What members of a room disagree about: which message is where. */
export function disagreements(all: readonly (readonly Seen[])[]): string[] {
  const places = new Map<string, string>();
  const found: string[] = [];
  for (const entry of all.flat()) {
    if (entry.kind === 'gap') continue;
    const place = `${entry.epoch}:${entry.offset}`;
    const there = places.get(place) ?? entry.id;
    if (there !== entry.id) found.push(`${there} and ${entry.id} are both at ${place}`);
    places.set(place, there);
  }
  return found;
}
