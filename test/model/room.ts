import {
  comesFromAnother,
  farthest,
  find,
  same,
  type Epoch,
  type Knowledge,
  type Leg,
  type Now,
  type Page,
  type Place,
  type RoomRules,
  type Seen,
} from './epochs.js';

interface Gathering {
  readonly until: number;
  readonly from: number;
  readonly seen: readonly Seen[];
  readonly heard: ReadonlySet<number>;
}

/**
 * The room of one Redis server, without Redis: the rules of `src/broker/redis/scripts/room.lua.ts`, in the same order
 * and under the same names. Its state is plain data, so that a copy of it models a replica or a backup.
 */
export class Room<Message> {
  private run = -1;
  private legs: Leg[] = [];
  /** The room has had neither a message nor a loss: its epoch is that of all such rooms. */
  private isUnused = false;
  /** Epochs before them were forgotten. */
  private hasForgotten = false;
  private log: Message[] = [];
  private told: Place[] = [];
  private gathering: Gathering | undefined;
  /** How many nodes got the last message. */
  private listeners = 0;

  /** @param freshName creates a name that was never used before */
  constructor(
    private readonly rules: RoomRules,
    private readonly freshName: () => number,
  ) {}

  copy(): Room<Message> {
    const copy = new Room<Message>(this.rules, this.freshName);
    copy.run = this.run;
    copy.legs = [...this.legs];
    copy.isUnused = this.isUnused;
    copy.hasForgotten = this.hasForgotten;
    copy.log = [...this.log];
    copy.told = [...this.told];
    copy.gathering = this.gathering;
    copy.listeners = this.listeners;
    return copy;
  }

  get head(): Place {
    return { epoch: this.last.epoch, offset: this.log.length };
  }

  /** The current epoch, and where it began. */
  get leg(): Leg {
    return this.last;
  }

  /** The epochs that are remembered. */
  get chain(): readonly Leg[] {
    return this.legs;
  }

  get length(): number {
    return this.log.length;
  }

  /** The room exists. */
  get isThere(): boolean {
    return this.legs.length > 0;
  }

  get isGathering(): boolean {
    return this.gathering !== undefined;
  }

  /** Ends the gathering at the next operation. */
  hurry(): void {
    if (this.gathering !== undefined) this.gathering = { ...this.gathering, until: 0 };
  }

  /** @returns where it was put; undefined while the room gathers */
  publish(message: Message, known: Knowledge, listeners: number, now: Now): Place | undefined {
    this.open(known, now);
    if (this.gathers(known, now)) return undefined;
    this.mend(known, now);
    this.isUnused = false;
    this.log.push(message);
    this.listeners = listeners;
    return this.head;
  }

  /**
   * Returns the room's position to a node that reports what it knows.
   *
   * @param node undefined if the node does not subscribe to the room
   */
  position(known: Knowledge, node: number | undefined, now: Now): Place {
    this.open(known, now);
    if (this.gathering !== undefined) {
      if (!this.hasLessThan(known.seen)) this.hear(known, node);
      this.gathers(known, now);
    }
    this.mend(known, now);
    return this.head;
  }

  /**
   * Restores messages that a node has seen.
   *
   * @param start the epoch in which the messages begin
   * @param legs the epochs in which they continue
   */
  restore(
    start: Leg,
    legs: readonly Leg[],
    first: number,
    messages: readonly Message[],
    known: Knowledge,
    node: number | undefined,
    now: Now,
  ): void {
    this.open(known, now);
    if (this.gathering === undefined) return;
    const isKnown = !same(start.epoch, this.last.epoch) || start.lossy;
    if (this.log.length === 0 && this.legs.length === 1 && isKnown) this.legs = [start];
    const all = [start, ...legs];
    const present = all.findIndex(({ epoch }) => same(epoch, this.last.epoch));
    if (present === 0 || (present > 0 && this.log.length === 0)) {
      const rest = all.slice(present + 1);
      const enterNext = (): void => {
        while (rest[0]?.base === this.log.length) this.enterAll(rest.splice(0, 1));
      };
      enterNext();
      for (const [index, message] of messages.entries()) {
        if (first + index !== this.log.length + 1) continue;
        this.log.push(message);
        enterNext();
      }
    }
    this.hear(known, node);
    this.gathers(known, now);
  }

  /** @returns undefined while the room gathers; `ahead` if the position's epoch began later than all epochs here */
  history(from: Place, known: Knowledge, now: Now): Page<Message> | 'ahead' | undefined {
    this.open(known, now);
    if (this.gathers(known, now)) return undefined;
    const parting = this.parting(from.epoch);
    // Before the first message, all histories are the same.
    const shared = this.reach(from.epoch) ?? (from.offset === 0 && parting === 0 ? 0 : undefined);
    if (shared === undefined && from.epoch.began >= this.last.epoch.began) return 'ahead';
    const after = shared === undefined ? parting : Math.min(from.offset, shared);
    const lost = shared === undefined || from.offset > shared || this.isLossyAfter(from.epoch);
    return { epoch: this.last.epoch, after, lost, messages: this.log.slice(after) };
  }

  private get last(): Leg {
    const last = this.legs.at(-1);
    if (last === undefined) throw new Error('a room that was opened');
    return last;
  }

  private open(known: Knowledge, now: Now): void {
    if (this.legs.length === 0 || this.isUnused) {
      this.create(known, now);
      return;
    }
    if (this.run === now.run) return;
    this.run = now.run;
    this.gathering = undefined;
    if (this.log.length > 0 || this.hasLessThan(known.seen) || comesFromAnother(known, now)) this.wait(now);
    else this.goOn(known.seen, now);
  }

  /** Creates the room. If nodes saw it in another run, they may restore it from its first message. */
  private create(known: Knowledge, now: Now): void {
    const { seen, run } = known;
    const lost = seen.filter(({ offset, canBeLost }) => canBeLost || offset > 0);
    const [last] = lost.toSorted((one, other) => other.epoch.began - one.epoch.began);
    const began = Math.max(now.clock, ...seen.map(({ epoch }) => epoch.began + 1));
    const isAwaited = (last !== undefined && run !== undefined && run !== now.run) || comesFromAnother(known, now);
    if (last === undefined && !isAwaited) {
      const isKept = this.isUnused && this.run === now.run && this.beganAfter(seen);
      if (!isKept) {
        this.legs = [{ epoch: { began, name: this.freshName() }, base: 0, lossy: false }];
      }
      this.isUnused = true;
      this.run = now.run;
      return;
    }
    this.isUnused = false;
    this.run = now.run;
    if (isAwaited) {
      // It can be lost though it has no message: it began with a loss.
      const lossy = last?.offset === 0;
      this.legs = [{ epoch: last?.epoch ?? { began, name: this.freshName() }, base: 0, lossy }];
      this.wait(now);
    } else {
      this.legs = [{ epoch: { began, name: this.freshName() }, base: 0, lossy: true }];
      this.told = lost;
    }
  }

  /** Returns whether other epochs that a node knows began earlier. */
  private beganAfter(seen: readonly Seen[]): boolean {
    return seen.every(({ epoch }) => same(epoch, this.last.epoch) || epoch.began < this.last.epoch.began);
  }

  private wait(now: Now): void {
    this.gathering = { until: now.clock + this.rules.gatheringTime, from: this.log.length, seen: [], heard: new Set() };
  }

  private gathers(known: Knowledge, now: Now): boolean {
    if (this.gathering === undefined) return false;
    const { heard, until, seen } = this.gathering;
    const allHeard = this.listeners > 0 && heard.size >= this.listeners;
    if (!allHeard && now.clock < until) return true;
    this.goOn(farthest([...known.seen, ...seen]), now);
    this.gathering = undefined;
    return false;
  }

  private hear(known: Knowledge, node: number | undefined): void {
    if (this.gathering === undefined) return;
    const offset = find(known.seen, this.last.epoch);
    const counts = node !== undefined && offset !== undefined && offset >= this.gathering.from;
    this.gathering = {
      ...this.gathering,
      seen: farthest([...known.seen, ...this.gathering.seen]),
      heard: new Set([...this.gathering.heard, ...(counts ? [node] : [])]),
    };
  }

  private mend(known: Knowledge, now: Now): void {
    if (this.gathering === undefined && this.untold(known.seen).length > 0) this.goOn(known.seen, now);
  }

  private goOn(seen: readonly Seen[], now: Now): void {
    const lost = this.untold(seen);
    const newest = Math.max(this.last.epoch.began, ...seen.map(({ epoch }) => epoch.began));
    const epoch = { began: Math.max(now.clock, newest + 1), name: this.freshName() };
    this.enter({ epoch, base: this.log.length, lossy: lost.length > 0 });
    this.told.push(...lost);
  }

  private enterAll(legs: readonly Leg[]): void {
    for (const leg of legs) this.enter(leg);
  }

  private enter(leg: Leg): void {
    this.legs.push(leg);
    if (this.legs.length <= this.rules.keptEpochs + 1) return;
    this.legs.shift();
    this.hasForgotten = true;
  }

  /** Whether a node has seen more than is here. */
  hasLessThan(seen: readonly Seen[]): boolean {
    return seen.some(
      ({ epoch, offset, canBeLost }) => offset > ((canBeLost ? this.reach(epoch) : this.log.length) ?? -1),
    );
  }

  /** Returns the reported positions that are lost and not announced. */
  private untold(seen: readonly Seen[]): Place[] {
    return seen.filter(({ epoch, offset, canBeLost }) => {
      // An epoch without messages still says how many messages there were before it.
      const shared = canBeLost ? this.reach(epoch) : this.log.length;
      const told = Math.max(-1, ...this.told.filter((place) => same(place.epoch, epoch)).map((place) => place.offset));
      const upTo = Math.max(shared ?? -1, told);
      const isRemembered = upTo >= 0 || !this.hasForgotten;
      return offset > upTo && (isRemembered || epoch.began > (this.legs[0]?.epoch.began ?? 0));
    });
  }

  private reach(epoch: Epoch): number | undefined {
    const index = this.legs.findIndex((leg) => same(leg.epoch, epoch));
    return index < 0 ? undefined : (this.legs[index + 1]?.base ?? this.log.length);
  }

  private parting(epoch: Epoch): number {
    return this.legs.find((leg) => leg.epoch.began > epoch.began)?.base ?? this.log.length;
  }

  private isLossyAfter(epoch: Epoch): boolean {
    const index = this.legs.findIndex((leg) => same(leg.epoch, epoch));
    return this.legs.slice(index + 1).some(({ lossy }) => lossy);
  }
}
