/** The name of an epoch: when it began, which only grows within a room, and what keeps it apart from all others. */
export interface Epoch {
  readonly began: number;
  readonly name: number;
}

export interface Place {
  readonly epoch: Epoch;
  readonly offset: number;
}

/** How far somebody has seen the room come in an epoch. */
export interface Seen extends Place {
  /** The epoch has something that can be lost: messages up to there, or the report of the loss that it began with. */
  readonly canBeLost: boolean;
}

/** What a node has seen of the room, and in which run it was last told where the room stands. */
export interface Knowledge {
  readonly seen: readonly Seen[];
  readonly run: number | undefined;
  /** The run that a node has just come from which knows nothing of the room. */
  readonly former?: number | undefined;
}

/** A stretch of a room's one numbering. */
export interface Leg {
  readonly epoch: Epoch;
  /** The offset after which it begins. */
  readonly base: number;
  /** It began with a loss, which is told to whoever comes to it from before. */
  readonly lossy: boolean;
}

export interface Page<Message> {
  readonly epoch: Epoch;
  readonly after: number;
  readonly lost: boolean;
  readonly messages: readonly Message[];
}

/** What tells one run of Redis from another, and the time. */
export interface Now {
  readonly run: number;
  readonly clock: number;
}

export interface RoomRules {
  /** How long it waits for what nodes know. */
  readonly gatheringTime: number;
  /** How many epochs it remembers, besides the present one. */
  readonly keptEpochs: number;
}

export function same(one: Epoch, other: Epoch): boolean {
  return one.name === other.name;
}

/** For each epoch how far anybody has seen it reach. */
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

/** Whether a room that stands there has something in its epoch that can be lost. */
export function canBeLost({ offset }: Place, { base, lossy }: Leg): boolean {
  return offset > base || lossy;
}
