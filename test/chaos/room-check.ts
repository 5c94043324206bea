import type { Position } from '../../src/protocol/position.js';
import type { Entry, RoomLog } from './room-log.js';

/** A message that was accepted. */
export interface Accepted extends Position {
  readonly id: string;
  /** The messages of a line are published one after the other, each when the one before was accepted. */
  readonly line: string;
  readonly n: number;
  /** When it was sent first, on the clock of `performance.now()`. */
  readonly sentAt: number;
}

/**
 * Holds against each other what all members of one room were told, and what its publishers were. Returns what must
 * not be:
 *
 * - a place in the order that two messages have, or a message that has two without a loss between them;
 * - an accepted message that a member neither got nor was told to be lost;
 * - members who went through the room's epochs in different orders, or a line out of order.
 */
export function violationsOf(logs: readonly RoomLog[], accepted: readonly Accepted[]): string[] {
  return [
    ...logs.flatMap(({ violations }) => violations),
    ...logs.flatMap(repeated),
    ...logs.flatMap((log) => outOfLine(log, accepted)),
    ...contradictions(logs, accepted),
    ...circles(logs),
    ...missing(logs, accepted),
  ];
}

/** A history that is over may have held what its publisher, not having heard of it, sends again into the next one. */
function repeated({ entries, member, room }: RoomLog): string[] {
  const violations: string[] = [];
  let seen = new Set<string>();
  for (const entry of entries) {
    if (entry.kind === 'loss' && entry.reason === 'epoch') seen = new Set();
    if (entry.kind !== 'message') continue;
    if (seen.has(entry.id)) violations.push(`${member} in ${room}: ${entry.id} came twice`);
    seen.add(entry.id);
  }
  return violations;
}

function outOfLine({ ids, member, room }: RoomLog, accepted: readonly Accepted[]): string[] {
  const byId = new Map(accepted.map((message) => [message.id, message]));
  const reached = new Map<string, number>();
  const violations: string[] = [];
  for (const id of new Set(ids)) {
    const message = byId.get(id);
    if (message === undefined) continue;
    if (message.n < (reached.get(message.line) ?? -1)) violations.push(`${member} in ${room}: ${id} came late`);
    reached.set(message.line, message.n);
  }
  return violations;
}

const placeOf = ({ epoch, offset }: Position): string => `${offset} of ${epoch}`;

/** One place has one message, whoever says so; and up to where an epoch goes on in another, both have the same ones. */
function contradictions(logs: readonly RoomLog[], accepted: readonly Accepted[]): string[] {
  const violations = new Set<string>();
  const places = new Map<string, string>();
  const place = (at: Position, id: string): void => {
    const there = places.get(placeOf(at));
    if (there === undefined) places.set(placeOf(at), id);
    else if (there !== id) violations.add(`${id} and ${there} are both at ${placeOf(at)}`);
  };
  for (const message of accepted) place(message, message.id);
  const moves = new Map<string, Extract<Entry, { kind: 'moved' }>>();
  for (const entry of logs.flatMap(({ entries }) => entries)) {
    if (entry.kind === 'message') place(entry, entry.id);
    else if (entry.kind === 'moved') furthest(moves, entry);
  }
  for (const { from, to } of moves.values()) {
    for (let offset = to.offset; offset > 0; offset -= 1) {
      const before = places.get(placeOf({ epoch: from.epoch, offset }));
      const after = places.get(placeOf({ epoch: to.epoch, offset }));
      if (before !== undefined && after !== undefined && before !== after)
        violations.add(`${before} became ${after} at ${offset}, from ${from.epoch} to ${to.epoch}`);
    }
  }
  return [...violations];
}

/** Keeps, of moves between the same two epochs, the one that says most. */
function furthest(
  moves: Map<string, Extract<Entry, { kind: 'moved' }>>,
  move: Extract<Entry, { kind: 'moved' }>,
): void {
  const name = `${move.from.epoch} ${move.to.epoch}`;
  if ((moves.get(name)?.to.offset ?? -1) < move.to.offset) moves.set(name, move);
}

/** Epochs follow each other in one order, which each member sees a part of. */
function circles(logs: readonly RoomLog[]): string[] {
  const after = new Map<string, Set<string>>();
  for (const { entries } of logs) {
    for (const entry of entries) {
      if (entry.kind === 'message' || entry.from.epoch === entry.to.epoch) continue;
      after.set(entry.from.epoch, (after.get(entry.from.epoch) ?? new Set()).add(entry.to.epoch));
    }
  }
  const leadsBack = (start: string): boolean => {
    const visited = new Set<string>();
    const toVisit = [...(after.get(start) ?? [])];
    for (let epoch = toVisit.pop(); epoch !== undefined; epoch = toVisit.pop()) {
      if (epoch === start) return true;
      if (!visited.has(epoch)) toVisit.push(...(after.get(epoch) ?? []));
      visited.add(epoch);
    }
    return false;
  };
  return [...after.keys()].filter(leadsBack).map((epoch) => `the epoch ${epoch} came back`);
}

function missing(logs: readonly RoomLog[], accepted: readonly Accepted[]): string[] {
  const family = familiesOf(logs);
  return logs.flatMap((log) => {
    const got = new Set(log.ids);
    return accepted
      .filter((message) => !got.has(message.id) && !isAnnounced(message, log, family))
      .map(({ id, epoch, offset, sentAt }) => {
        const when = `sent at ${Math.round(sentAt)}`;
        return `${log.member} in ${log.room}: ${id} at ${offset} of ${epoch}, ${when}, was lost`;
      });
  });
}

/** Names for each epoch the same one as for those that it went on from. */
function familiesOf(logs: readonly RoomLog[]): (epoch: string) => string {
  const parents = new Map<string, string>();
  const family = (epoch: string): string => {
    const parent = parents.get(epoch);
    return parent === undefined ? epoch : family(parent);
  };
  for (const { entries } of logs) {
    for (const entry of entries) {
      if (entry.kind !== 'moved') continue;
      const [older, newer] = [family(entry.from.epoch), family(entry.to.epoch)];
      if (older !== newer) parents.set(newer, older);
    }
  }
  return family;
}

/** Whether the member was told of a loss in which the message lies. */
function isAnnounced(message: Accepted, { losses }: RoomLog, family: (epoch: string) => string): boolean {
  const { epoch, offset, sentAt } = message;
  const own = family(epoch);
  return losses.some(({ from, to, reason, at }) => {
    if (at < sentAt) return false;
    if (own === family(from.epoch) && offset > from.offset && (epoch !== to.epoch || offset <= to.offset)) return true;
    if (own === family(to.epoch) && offset <= to.offset) return true;
    // Of a numbering that is over, and that nothing is left of.
    return reason === 'epoch' && own !== family(to.epoch);
  });
}
