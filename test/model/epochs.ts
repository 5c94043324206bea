/** Name of an epoch: its start time, which only grows within a room, and a number of its own. */
export interface Epoch {
  readonly began: number;
  readonly name: number;
}

export interface Place {
  readonly epoch: Epoch;
  readonly offset: number;
}

/** Last position of the room that a node knows in an epoch. */
export interface Seen extends Place {
  /** The epoch has something that can be lost: messages up to there, or the report of the loss that it began with. */
  readonly canBeLost: boolean;
}

/** Knowledge of a node: its positions, and the run in which it last got the room's position. */
export interface Knowledge {
  readonly seen: readonly Seen[];
  readonly run: number | undefined;
  /** The run from which a node comes that knows nothing of the room. */
  readonly former?: number | undefined;
}

/** An epoch of a room. Offsets continue through all of them. */
export interface Leg {
  readonly epoch: Epoch;
  /** The offset after which it begins. */
  readonly base: number;
  /** It began with a loss, which is announced to clients that come from an earlier epoch. */
  readonly lossy: boolean;
}

export interface Page<Message> {
  readonly epoch: Epoch;
  readonly after: number;
  readonly lost: boolean;
  readonly messages: readonly Message[];
}

/** The current run of Redis, and the time. */
export interface Now {
  readonly run: number;
  readonly clock: number;
}

export interface RoomRules {
  /** Limit on the time in which a room gathers what nodes know. */
  readonly gatheringTime: number;
  /** How many epochs a room remembers, not counting the current one. */
  readonly keptEpochs: number;
}

export function same(one: Epoch, other: Epoch): boolean {
  return one.name === other.name;
}

/** Merges positions: each epoch with its highest offset. */
export function farthest(seen: readonly Seen[]): Seen[] {
  const all: Seen[] = [];
  for (const each of seen) {
    const index = all.findIndex(({ epoch }) => same(epoch, each.epoch));
    const met = all[index];
    if (met === undefined) all.push(each);
    else {
      const offset = Math.max(met.offset, each.offset);
      all[index] = { epoch: each.epoch, offset, canBeLost: met.canBeLost || each.canBeLost };
    }
  }
  return all;
}

export function find(places: readonly Place[], epoch: Epoch): number | undefined {
  const offsets = places.filter((place) => same(place.epoch, epoch)).map(({ offset }) => offset);
  return offsets.length === 0 ? undefined : Math.max(...offsets);
}

/** Returns whether a room at this offset has something in its epoch that can be lost. */
export function canBeLost({ offset }: Place, { base, lossy }: Leg): boolean {
  return offset > base || lossy;
}

/** Returns whether a node comes from another run and knows nothing of the room. */
export function comesFromAnother({ former }: Knowledge, now: Now): boolean {
  return former !== undefined && former !== now.run;
}
