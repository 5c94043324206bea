import { RedisRoom, type Head } from './redis-room.js';
import { type Epoch, type Knowledge, type Now } from './epochs.js';
import { Room } from './room.js';

/** An epoch in which the room may have continued, and after how many more messages. */
export interface GuessedLeg {
  readonly epoch: number;
  readonly later: number;
  readonly lossy: boolean;
}

/** Knowledge of a node, made up of epochs that exist. */
export interface GuessedKnowledge {
  readonly seen: readonly Guess[];
  readonly inAnotherRun: boolean;
  readonly fromAnotherRun: boolean;
}

/** A position in one of the epochs so far. */
export interface Guess {
  readonly epoch: number;
  readonly offset: number;
  readonly canBeLost: boolean;
}

interface RestoreStep {
  readonly kind: 'restore';
  readonly known: GuessedKnowledge;
  readonly node: number;
  readonly count: number;
  /** The first epoch began with a loss. */
  readonly isLossy: boolean;
  readonly legs: readonly GuessedLeg[];
}

export type Step =
  | { readonly kind: 'publish'; readonly known: GuessedKnowledge }
  | { readonly kind: 'position'; readonly known: GuessedKnowledge; readonly node: number | undefined }
  | RestoreStep
  | { readonly kind: 'history'; readonly from: Guess; readonly known: GuessedKnowledge }
  | { readonly kind: 'run' | 'hurry' | 'save' | 'load' };

/** The scripts and the model, compared after each step. */
export class Pair {
  private names = 0;
  private run = 0;
  private messages = 0;
  private model = new Room<number>({ gatheringTime: Infinity, keptEpochs: 8 }, () => (this.names += 1));
  private saved = { model: this.model.copy(), dumps: [] as readonly (Buffer | null)[] };
  /** Different answers. */
  readonly differences: string[] = [];
  private readonly epochs: { readonly model: Epoch; readonly redis: string }[] = [];

  constructor(private readonly redis: RedisRoom) {}

  /** Takes a step on both. */
  async take(step: Step): Promise<void> {
    switch (step.kind) {
      case 'publish': {
        const message = (this.messages += 1);
        const placed = await this.redis.publish(message, this.textOf(step.known));
        // No node subscribes, so that a room gathers until the deadline.
        const place = this.model.publish(message, this.seenOf(step.known), 0, await this.now());
        this.same(placed?.offset, place?.offset);
        if (place !== undefined) this.compareEpochs(place.epoch, placed);
        return;
      }
      case 'position': {
        const { node: asking } = step;
        const head = await this.redis.position(this.textOf(step.known), asking === undefined ? '' : `n${asking}`);
        const place = this.model.position(this.seenOf(step.known), asking, await this.now());
        this.compareHeads(place, head);
        return;
      }
      case 'restore':
        return this.compareRestores(step);
      case 'history':
        return this.compareHistories(step.from, step.known);
      case 'run':
        this.run += 1;
        return this.redis.beginRun();
      case 'hurry':
        this.model.hurry();
        return this.redis.hurry();
      case 'save':
        this.saved = { model: this.model.copy(), dumps: await this.redis.save() };
        return;
      case 'load':
        this.run += 1;
        this.model = this.saved.model.copy();
        await this.redis.load(this.saved.dumps);
        return this.redis.beginRun();
    }
  }

  private same(redis: unknown, model: unknown): void {
    const [one, other] = [JSON.stringify(redis), JSON.stringify(model)];
    if (one !== other) this.differences.push(`${one} and not ${other}`);
  }

  private async compareRestores({ node, count, known, isLossy, ...step }: RestoreStep): Promise<void> {
    const last = this.epochs.at(-1);
    if (last === undefined) return;
    const first = this.model.length + 1;
    const given = Array.from({ length: count }, () => (this.messages += 1));
    const later = this.wayOf(step.legs);
    const startText = `${last.redis}${isLossy ? '!' : ''}`;
    const legTexts = later.map(({ epoch, base, lossy }) => `${epoch.redis}:${base}${lossy ? '!' : ''}`);
    const head = await this.redis.restore(startText, legTexts.join(' '), first, given, this.textOf(known), `n${node}`);
    const legs = later.map(({ epoch, base, lossy }) => ({ epoch: epoch.model, base, lossy }));
    const start = { epoch: last.model, base: 0, lossy: isLossy };
    this.model.restore(start, legs, first, given, this.seenOf(known), node, await this.now());
    this.compareHeads(this.model.head, head);
  }

  private async compareHistories(from: Guess, known: GuessedKnowledge): Promise<void> {
    const epoch = this.epochs[from.epoch % Math.max(1, this.epochs.length)];
    if (epoch === undefined) return;
    const read = await this.redis.history({ epoch: epoch.redis, offset: from.offset }, this.textOf(known));
    const page = this.model.history({ epoch: epoch.model, offset: from.offset }, this.seenOf(known), await this.now());
    if (page === undefined || page === 'ahead' || read === undefined) {
      this.same(read?.lost, page);
      return;
    }
    this.compareEpochs(page.epoch, read);
    const { after, lost, messages } = page;
    this.same([read.after, read.lost, read.messages], [after, lost ? 'epoch' : '', messages]);
  }

  private compareHeads(place: { epoch: Epoch; offset: number }, head: Head & { readonly isGathering: boolean }): void {
    this.compareEpochs(place.epoch, head);
    this.same([head.offset, head.isGathering], [place.offset, this.model.isGathering]);
  }

  /** Pairs the epochs of both: their names differ. */
  private compareEpochs(model: Epoch, found: { readonly epoch: string } | undefined): void {
    const redis = found?.epoch ?? '';
    const met = this.epochs.find((epoch) => epoch.redis === redis || epoch.model.name === model.name);
    if (met === undefined) this.epochs.push({ model, redis });
    else this.same([redis, model.name], [met.redis, met.model.name]);
  }

  /** The start times of epochs are those of Redis. */
  private async now(): Promise<Now> {
    return { run: this.run, clock: await this.redis.began() };
  }

  private textOf({ seen, inAnotherRun, fromAnotherRun }: GuessedKnowledge): string {
    const texts = this.distinct(seen).map(
      ({ epoch, offset, canBeLost }) => `${epoch.redis}:${offset}${canBeLost ? '' : '-'}`,
    );
    const runs = [inAnotherRun ? '@another' : '', fromAnotherRun ? '?another' : ''].filter((text) => text !== '');
    return [...texts, ...runs].join(' ');
  }

  private seenOf({ seen, inAnotherRun, fromAnotherRun }: GuessedKnowledge): Knowledge {
    const places = this.distinct(seen).map(({ epoch, offset, canBeLost }) => ({
      epoch: epoch.model,
      offset,
      canBeLost,
    }));
    return { seen: places, run: inAnotherRun ? -1 : undefined, former: fromAnotherRun ? -1 : undefined };
  }

  /** Epochs in which the room may continue, in order. A room without messages may be in the first of them. */
  private wayOf(guesses: readonly GuessedLeg[]) {
    const start = this.epochs.at(-1);
    const own = this.epochs.find(({ model }) => this.model.isThere && model.name === this.model.leg.epoch.name);
    const all = guesses.flatMap(({ epoch: index, later, lossy }) => {
      const epoch = this.epochs[index % this.epochs.length];
      const isLater = epoch !== undefined && epoch.model.began > Math.max(began(own), began(start));
      return isLater ? [{ epoch, base: this.model.length + later, lossy }] : [];
    });
    const distinct = all.filter(({ epoch }, index) => all.findIndex((each) => each.epoch === epoch) === index);
    const bases = distinct.map(({ base }) => base).toSorted((one, other) => one - other);
    const later = distinct
      .toSorted((one, other) => one.epoch.model.began - other.epoch.model.began)
      .map(({ epoch, lossy }, index) => ({ epoch, base: bases[index] ?? 0, lossy }));
    const isOnTheWay = own !== undefined && began(own) > began(start) && this.model.length === 0;
    return isOnTheWay ? [{ epoch: own, base: 0, lossy: false }, ...later] : later;
  }

  private distinct(guesses: readonly Guess[]) {
    if (this.epochs.length === 0) return [];
    const all = guesses.flatMap(({ epoch: index, ...rest }) => {
      const epoch = this.epochs[index % this.epochs.length];
      return epoch === undefined ? [] : [{ epoch, ...rest }];
    });
    return all.filter(({ epoch }, index) => all.findIndex((each) => each.epoch === epoch) === index);
  }
}

function began(epoch: { readonly model: Epoch } | undefined): number {
  return epoch?.model.began ?? 0;
}
