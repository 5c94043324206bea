import { randomBytes } from 'node:crypto';

import type { RoomRules } from '../../config/room-rules.js';
import type { RookeryOptions } from '../../config/rookery.options.js';
import { BrokerUnavailableError } from '../broker.js';
import type { PublishRequest, PublishResult } from '../publication.js';
import type { CommandQueue } from './command-queue.js';
import { deliveryOf, frameOf } from './frames.js';
import { whenGathered } from './gathering.js';
import type { KnownPositions } from './known-positions.js';
import type { RecentMessages } from './recent-messages.js';
import { readLeg, type Leg } from './replies.js';
import type { RoomKeys } from './room-keys.js';

/** One script call holds up Redis for everybody: it gets so much at most. */
const MAX_RUN_MESSAGES = 256;
const MAX_RUN_CHARACTERS = 256 * 1024;
/** Limit on the characters of waiting messages: they wait long only after Redis began a new run. */
const MAX_WAITING_CHARACTERS = 64 * 1024 * 1024;
const MAX_OPEN_ROOMS = 10_000;
/** Limit on the hold: sentinels promote within two seconds, and do not always report a failure. */
const MAX_HOLD_MS = 3000;

/** Everything that an operation on a room in Redis needs. */
export interface RoomAccess {
  readonly options: RookeryOptions;
  readonly rules: RoomRules;
  readonly keys: RoomKeys;
  readonly commands: CommandQueue;
  readonly known: KnownPositions;
  readonly recent: RecentMessages;
  /** Creates an epoch that was never used before. */
  readonly freshEpoch: () => string;
}

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
 * A room's runs go one at a time where a run may be refused and a later one must not overtake it: until the room has
 * accepted one, and on a cluster, whose client resends what a server could not do while a slot moved. Messages that
 * arrive in between form the next run.
 */
export class PublishQueue {
  private readonly runs = new Map<string, Run[]>();
  /** Rooms with a run in flight that later runs must not overtake. */
  private readonly busy = new Set<string>();
  /** Rooms that accepted a run on this connection, and accept every further one on it. */
  private readonly open = new Set<string>();
  private readonly instance = randomBytes(8).toString('base64url');
  private ids = 0;
  private waitingCharacters = 0;
  private held: NodeJS.Timeout | undefined;

  constructor(private readonly access: RoomAccess) {
    access.commands.onFlush(() => this.handIn());
  }

  /** @throws BrokerUnavailableError */
  publish(request: PublishRequest): Promise<PublishResult> {
    return new Promise((resolve, reject) => {
      const refusal = this.access.commands.refusal() ?? this.refusal();
      if (refusal !== undefined) {
        reject(refusal);
        return;
      }
      const id = request.id ?? `${this.instance}${(this.ids++).toString(36)}`;
      this.add({ request, id, frame: frameOf(request, id), resolve, reject });
      this.access.commands.schedule();
    });
  }

  /** Holds publishes while a replica is promoted, because the old master would lose them. */
  hold(isHeld: boolean): void {
    clearTimeout(this.held);
    this.held = isHeld ? setTimeout(() => this.hold(false), MAX_HOLD_MS).unref() : undefined;
    if (!isHeld && this.runs.size > 0) this.access.commands.schedule();
  }

  /** Handles a new connection, perhaps to another server or a new run. */
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
      if (failure === undefined) this.access.commands.schedule();
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
      const [text = '', ...places] = await this.run(room, messages);
      this.openUp(room);
      const leg = readLeg(text);
      messages.forEach(({ id, resolve }, index) => resolve(resultOf(id, leg.epoch, places[index] ?? '')));
      this.remember(room, leg, messages, places);
      return undefined;
    } catch (error) {
      for (const { reject } of messages) reject(error);
      return { error };
    }
  }

  private openUp(room: string): void {
    if (this.access.options.redisCluster) return;
    if (this.open.size >= MAX_OPEN_ROOMS) this.open.clear();
    this.open.add(room);
  }

  /** Retries until the room accepts the run. After Redis began a new run, a room first gathers what nodes know. */
  private run(room: string, messages: readonly Pending[]): Promise<string[]> {
    const { deduplicationWindowMs, redisTimeoutMs } = this.access.options;
    const keys = this.access.keys.all(room);
    const frames: string[] = [];
    for (const { request, id, frame } of messages) {
      // The client of a cluster may send a command twice, which must not publish twice.
      const isRemembered = deduplicationWindowMs > 0 && (request.id !== undefined || this.access.options.redisCluster);
      if (isRemembered) keys.push(this.access.keys.id(room, request.from ?? '', id));
      frames.push((isRemembered ? 'i' : '') + (request.volatile ? 'v' : ''), frame);
    }
    const publish = async (): Promise<string[] | undefined> => {
      const results = await this.access.commands.run('rookeryPublish', keys, [...this.argsOf(room), ...frames]);
      return (results as string[]).length > 0 ? (results as string[]) : undefined;
    };
    return whenGathered(publish, redisTimeoutMs);
  }

  private argsOf(room: string): string[] {
    const { positionTtlMs, deduplicationWindowMs } = this.access.options;
    const { historySize, historyTtlMs } = this.access.rules.of(room);
    const settings = [positionTtlMs, historySize, historyTtlMs, deduplicationWindowMs];
    return [this.access.freshEpoch(), ...settings.map(String), this.access.known.of(room)];
  }

  private remember(room: string, leg: Leg, messages: readonly Pending[], places: readonly string[]): void {
    const accepted = places.filter((place) => place !== '' && !place.startsWith('=')).map(Number);
    const [first, last] = [accepted[0], accepted.at(-1)];
    if (first === undefined || last === undefined) return;
    const { epoch } = leg;
    this.access.known.keep(room, leg, last);
    // Until the delivery arrives, this is the only copy: the connection for deliveries may be lost.
    if (this.access.known.hasSeen(room, epoch, last)) return;
    const now = Date.now();
    const size = messages.reduce((sum, { frame }) => sum + frame.length, 0);
    this.access.recent.keep(room, epoch, first, last, size, () => {
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
