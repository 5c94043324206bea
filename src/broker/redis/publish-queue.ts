import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';

import type { RoomRules } from '../../config/room-rules.js';
import type { RookeryOptions } from '../../config/rookery.options.js';
import { BrokerUnavailableError } from '../broker.js';
import type { PublishRequest, PublishResult } from '../publication.js';
import type { CommandQueue } from './command-queue.js';
import { deliveryOf, frameOf } from './frames.js';
import type { KnownPositions } from './known-positions.js';
import type { RecentMessages } from './recent-messages.js';
import type { RoomKeys } from './room-keys.js';

/** One script call holds up Redis for everybody: it gets so much at most. */
const MAX_RUN_MESSAGES = 256;
const MAX_RUN_CHARACTERS = 256 * 1024;
/** What may wait for the run before it: it does so for longer only where Redis has begun a new run. */
const MAX_WAITING_CHARACTERS = 64 * 1024 * 1024;
const MAX_OPEN_ROOMS = 10_000;
/** Sentinels take a second or two for a promotion, and do not always say when one has failed. */
const MAX_HOLD_MS = 3000;
/** How often a room is tried that gathers what nodes know. */
const GATHERING_RETRY_MS = 30;

interface Pending {
  readonly request: PublishRequest;
  readonly id: string;
  readonly frame: string;
  readonly resolve: (result: PublishResult) => void;
  readonly reject: (error: unknown) => void;
}

interface Run {
  readonly messages: Pending[];
  characters: number;
}

/**
 * What is published to a room within one turn of the event loop goes to Redis, and from it to the nodes, as one run.
 * The runs of a room go one by one where one of them may be refused for a moment and later ones must not overtake: while
 * it is not certain that the room is open, and on a cluster, whose client sends again later what a server could not do
 * while its slot moved. What comes meanwhile is one run by then.
 */
export class PublishQueue {
  private readonly runs = new Map<string, Run[]>();
  /** Rooms with a run on its way that nothing may overtake. */
  private readonly busy = new Set<string>();
  /** Rooms that took a run on this connection: as long as it lasts, they are open. */
  private readonly open = new Set<string>();
  private readonly instance = randomBytes(8).toString('base64url');
  private ids = 0;
  private waitingCharacters = 0;
  private held: NodeJS.Timeout | undefined;

  /**
   * @param freshEpoch makes one that was never used before
   */
  constructor(
    private readonly options: RookeryOptions,
    private readonly rules: RoomRules,
    private readonly keys: RoomKeys,
    private readonly commands: CommandQueue,
    private readonly freshEpoch: () => string,
    private readonly known: KnownPositions,
    private readonly recent: RecentMessages,
  ) {
    commands.onFlush(() => this.handIn());
  }

  /** @throws BrokerUnavailableError */
  publish(request: PublishRequest): Promise<PublishResult> {
    return new Promise((resolve, reject) => {
      const refusal = this.commands.refusal() ?? this.refusal();
      if (refusal !== undefined) {
        reject(refusal);
        return;
      }
      const id = request.id ?? `${this.instance}${(this.ids++).toString(36)}`;
      this.add({ request, id, frame: frameOf(request, id), resolve, reject });
      this.commands.schedule();
    });
  }

  /** Sends nothing while the master is about to be replaced: what it took it would lose. */
  hold(isHeld: boolean): void {
    clearTimeout(this.held);
    this.held = isHeld ? setTimeout(() => this.hold(false), MAX_HOLD_MS).unref() : undefined;
    if (!isHeld && this.runs.size > 0) this.commands.schedule();
  }

  /** The connection is another one, maybe to another server, or to one that has begun a new run. */
  beginAnew(): void {
    this.open.clear();
    this.hold(false);
  }

  stop(): void {
    clearTimeout(this.held);
  }

  private refusal(): BrokerUnavailableError | undefined {
    if (this.waitingCharacters <= MAX_WAITING_CHARACTERS) return undefined;
    return new BrokerUnavailableError('Redis: too much waits to be published');
  }

  private add(message: Pending): void {
    const { room } = message.request;
    this.waitingCharacters += message.frame.length;
    const runs = this.runs.get(room);
    const last = runs?.at(-1);
    if (last === undefined || last.messages.length >= MAX_RUN_MESSAGES || last.characters >= MAX_RUN_CHARACTERS) {
      const run = { messages: [message], characters: message.frame.length };
      if (runs === undefined) this.runs.set(room, [run]);
      else runs.push(run);
    } else {
      last.messages.push(message);
      last.characters += message.frame.length;
    }
  }

  private handIn(): void {
    if (this.held !== undefined) return;
    for (const room of this.runs.keys()) {
      if (this.open.has(room)) this.sendAll(room);
      else this.sendNext(room);
    }
  }

  private sendAll(room: string): void {
    for (let run = this.take(room); run !== undefined; run = this.take(room)) void this.send(room, run.messages);
  }

  private sendNext(room: string): void {
    if (this.busy.has(room)) return;
    const run = this.take(room);
    if (run === undefined) return;
    this.busy.add(room);
    void this.send(room, run.messages).then((failure) => {
      this.busy.delete(room);
      if (!this.runs.has(room)) return;
      if (failure === undefined) this.commands.schedule();
      // They have waited for as long as an answer may take.
      else this.rejectWaiting(room, failure.error);
    });
  }

  private take(room: string): Run | undefined {
    const runs = this.runs.get(room);
    const run = runs?.shift();
    if (runs?.length === 0) this.runs.delete(room);
    this.waitingCharacters -= run?.characters ?? 0;
    return run;
  }

  private rejectWaiting(room: string, error: unknown): void {
    for (let run = this.take(room); run !== undefined; run = this.take(room)) {
      for (const { reject } of run.messages) reject(error);
    }
  }

  /** @returns why none of it was accepted, where that is so */
  private async send(room: string, messages: readonly Pending[]): Promise<{ readonly error: unknown } | undefined> {
    try {
      const [epoch = '', ...places] = await this.run(room, messages);
      this.openUp(room);
      messages.forEach(({ id, resolve }, index) => resolve(resultOf(id, epoch, places[index] ?? '')));
      this.remember(room, epoch, messages, places);
      return undefined;
    } catch (error) {
      for (const { reject } of messages) reject(error);
      return { error };
    }
  }

  private openUp(room: string): void {
    if (this.options.redisCluster) return;
    if (this.open.size >= MAX_OPEN_ROOMS) this.open.clear();
    this.open.add(room);
  }

  /** Tries until the room takes it: after Redis has begun a new run, it waits for what nodes know. */
  private async run(room: string, messages: readonly Pending[]): Promise<string[]> {
    const { deduplicationWindowMs, redisTimeoutMs } = this.options;
    const keys = this.keys.ofRoom(room);
    const frames: string[] = [];
    for (const { request, id, frame } of messages) {
      // The client of a cluster may send a command twice, which must not publish twice.
      const isRemembered = deduplicationWindowMs > 0 && (request.id !== undefined || this.options.redisCluster);
      if (isRemembered) keys.push(this.keys.id(room, request.from ?? '', id));
      frames.push((isRemembered ? 'i' : '') + (request.volatile ? 'v' : ''), frame);
    }
    const deadline = performance.now() + redisTimeoutMs;
    for (;;) {
      const results = (await this.commands.run('rookeryPublish', keys, [...this.argsOf(room), ...frames])) as string[];
      if (results.length > 0) return results;
      if (performance.now() > deadline) throw new BrokerUnavailableError('Redis: it has just begun a new run');
      await delay(GATHERING_RETRY_MS);
    }
  }

  private argsOf(room: string): string[] {
    const { positionTtlMs, deduplicationWindowMs } = this.options;
    const { historySize, historyTtlMs } = this.rules.of(room);
    const settings = [positionTtlMs, historySize, historyTtlMs, deduplicationWindowMs];
    return [this.freshEpoch(), ...settings.map(String), this.known.of(room)];
  }

  private remember(room: string, epoch: string, messages: readonly Pending[], places: readonly string[]): void {
    const accepted = places.filter((place) => place !== '' && !place.startsWith('=')).map(Number);
    const [first, last] = [accepted[0], accepted.at(-1)];
    if (first === undefined || last === undefined) return;
    this.known.keep(room, { epoch, offset: last });
    // Its delivery says the same; it has come already, or may be lost on its way.
    if (this.known.hasSeen(room, epoch, last)) return;
    const now = Date.now();
    const size = messages.reduce((sum, { frame }) => sum + frame.length, 0);
    this.recent.keep(room, epoch, first, last, size, () => {
      const frames = messages.filter((_message, index) => !places[index]?.startsWith('=')).map(({ frame }) => frame);
      return deliveryOf(epoch, first, now, frames);
    });
  }
}

/** @param place as the script returns it */
function resultOf(id: string, epoch: string, place: string): PublishResult {
  if (place === '') return { id };
  if (!place.startsWith('=')) return { id, epoch, offset: Number(place) };
  const [firstEpoch = '', firstOffset] = place.slice(1).split(' ');
  return firstOffset === undefined
    ? { id, duplicate: true }
    : { id, epoch: firstEpoch, offset: Number(firstOffset), duplicate: true };
}
