import { randomBytes } from 'node:crypto';

import type { RoomRules } from '../../config/room-rules.js';
import type { RookeryOptions } from '../../config/rookery.options.js';
import type { PublishRequest, PublishResult } from '../publication.js';
import type { CommandQueue } from './command-queue.js';
import { frameOf } from './frames.js';
import type { KnownPositions } from './known-positions.js';
import type { RoomKeys } from './room-keys.js';

/** One script call holds up Redis for everybody: it gets so much at most. */
const MAX_RUN_MESSAGES = 256;
const MAX_RUN_CHARACTERS = 256 * 1024;

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

/** What is published to a room within one turn of the event loop goes to Redis, and from it to the nodes, as one run. */
export class PublishQueue {
  private readonly runs = new Map<string, Run[]>();
  /** Rooms with a run on its way that nothing may overtake. */
  private readonly busy = new Set<string>();
  private readonly instance = randomBytes(8).toString('base64url');
  private ids = 0;

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
  ) {
    commands.onFlush(() => this.handIn());
  }

  /** @throws BrokerUnavailableError */
  publish(request: PublishRequest): Promise<PublishResult> {
    return new Promise((resolve, reject) => {
      const refusal = this.commands.refusal();
      if (refusal !== undefined) {
        reject(refusal);
        return;
      }
      const id = request.id ?? `${this.instance}${(this.ids++).toString(36)}`;
      this.add({ request, id, frame: frameOf(request, id), resolve, reject });
      this.commands.schedule();
    });
  }

  private add(message: Pending): void {
    const { room } = message.request;
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
    for (const [room, runs] of this.runs) {
      if (this.options.redisCluster) this.sendNext(room, runs);
      else for (const { messages } of runs) void this.send(room, messages);
    }
    if (!this.options.redisCluster) this.runs.clear();
  }

  /**
   * The client of a cluster sends again later what a server could not do while its slot moved: the runs of a room go
   * one by one, or later ones would overtake. What comes meanwhile is one run by then.
   */
  private sendNext(room: string, runs: Run[]): void {
    if (this.busy.has(room)) return;
    const run = runs.shift();
    if (runs.length === 0) this.runs.delete(room);
    if (run === undefined) return;
    this.busy.add(room);
    void this.send(room, run.messages).then((failure) => {
      this.busy.delete(room);
      const waiting = this.runs.get(room);
      if (waiting === undefined) return;
      if (failure === undefined) {
        this.commands.schedule();
        return;
      }
      // They have waited for as long as an answer may take.
      this.runs.delete(room);
      for (const { messages } of waiting) for (const { reject } of messages) reject(failure.error);
    });
  }

  /** @returns why none of it was accepted, where that is so */
  private async send(room: string, messages: readonly Pending[]): Promise<{ readonly error: unknown } | undefined> {
    const { positionTtlMs, deduplicationWindowMs } = this.options;
    const { historySize, historyTtlMs } = this.rules.of(room);
    const keys = [this.keys.meta(room), this.keys.stream(room), this.keys.channel(room)];
    const args = [
      this.freshEpoch(),
      positionTtlMs,
      historySize,
      historyTtlMs,
      deduplicationWindowMs,
      this.known.of(room),
    ].map(String);
    for (const { request, id, frame } of messages) {
      // The client of a cluster may send a command twice, which must not publish twice.
      const isRemembered = deduplicationWindowMs > 0 && (request.id !== undefined || this.options.redisCluster);
      if (isRemembered) keys.push(this.keys.id(room, request.from ?? '', id));
      args.push((isRemembered ? 'i' : '') + (request.volatile ? 'v' : ''), frame);
    }
    try {
      const [epoch = '', ...places] = (await this.commands.run('rookeryPublish', keys, args)) as string[];
      messages.forEach(({ id, resolve }, index) => resolve(resultOf(id, epoch, places[index] ?? '')));
      const last = places.findLast((place) => place !== '' && !place.startsWith('='));
      if (last !== undefined) this.known.keep(room, { epoch, offset: Number(last) });
      return undefined;
    } catch (error) {
      for (const { reject } of messages) reject(error);
      return { error };
    }
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
