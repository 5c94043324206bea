import type { Place } from './epochs.js';

/** One accepted publish. */
export interface Message {
  readonly n: number;
}

export interface Accepted {
  readonly message: Message;
  readonly place: Place;
  /** Nodes that know of it, and report it unless they are killed. */
  readonly witnesses: Set<number>;
}

interface Witness {
  readonly id: number;
  readonly got: readonly Message[];
  /** How many messages had been accepted when it joined for the first time. */
  readonly since: number | undefined;
  /** For each announced loss, how many messages had been accepted by then. */
  readonly told: readonly number[];
}

/** Returns messages that a member neither received nor learned the loss of, unless all who knew them are gone. */
export function untoldLosses(
  accepted: readonly Accepted[],
  members: readonly Witness[],
  living: ReadonlySet<number>,
): string[] {
  return members.flatMap(({ id, got, since = Infinity, told }) =>
    accepted
      .filter(({ message, witnesses }) => {
        const isForgotten = ![...witnesses].some((node) => living.has(node));
        const isTold = told.some((count) => count > message.n);
        return message.n >= since && !got.includes(message) && !isTold && !isForgotten;
      })
      .map(({ message }) => `member ${id} misses ${message.n} and was not told`),
  );
}

/** Returns the messages that members received in contradicting orders (topological sort). */
export function circles(members: readonly Witness[]): string[] {
  const after = new Map<Message, Set<Message>>();
  for (const { got } of members) {
    for (const [index, message] of got.entries()) {
      const before = got[index - 1];
      const those = after.get(message) ?? new Set();
      after.set(message, before === undefined ? those : those.add(before));
    }
  }
  for (let more = true; more;) {
    more = false;
    for (const [message, before] of after) {
      if ([...before].some((each) => after.has(each))) continue;
      after.delete(message);
      more = true;
    }
  }
  return after.size === 0 ? [] : [`no one order of ${[...after.keys()].map(({ n }) => n).join(', ')}`];
}
