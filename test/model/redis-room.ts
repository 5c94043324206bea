import { Redis } from 'ioredis';

import { frameOf, readEntry } from '../../src/broker/redis/frames.js';
import { readLeg } from '../../src/broker/redis/replies.js';
import { RoomKeys } from '../../src/broker/redis/room-keys.js';
import { SCRIPTS, type ScriptName } from '../../src/broker/redis/scripts/scripts.js';

const TTL_MS = '3600000';
const SIZE = '1000';
const NO_WINDOW = '0';
/** Longer than any test takes. */
const FAR_MS = 10 ** 15;

export interface Head {
  readonly epoch: string;
  readonly offset: number;
}

/** The scripts of one room on a real Redis, without a node. */
export class RedisRoom {
  private readonly keys: readonly string[];
  private readonly names: { readonly unused: string; readonly meta: string; readonly stream: string };
  private fresh = 0;

  constructor(
    private readonly client: Redis,
    room: string,
  ) {
    // Each room is the only one of its deployment.
    this.keys = new RoomKeys(room, false).all(room);
    const [unused = '', meta = '', stream = ''] = this.keys;
    this.names = { unused, meta, stream };
  }

  static async connect(port: number): Promise<Redis> {
    const client = new Redis(port, '127.0.0.1');
    for (const [script, lua] of Object.entries(SCRIPTS)) client.defineCommand(script, { lua });
    await client.ping();
    return client;
  }

  /** @returns undefined while the room gathers */
  async publish(message: number, known: string): Promise<Head | undefined> {
    const args = [TTL_MS, SIZE, TTL_MS, NO_WINDOW, known, '', frame(message)];
    const [leg, offset] = (await this.run('rookeryPublish', args)) as string[];
    return leg === undefined ? undefined : { epoch: readLeg(leg).epoch, offset: Number(offset) };
  }

  /** @param node empty if the node does not subscribe to the room */
  async position(known: string, node: string): Promise<Head & { readonly isGathering: boolean }> {
    return headOf(await this.run('rookeryPositions', [TTL_MS, '', node, known, node === '' ? '' : 'listens']));
  }

  async restore(
    start: string,
    legs: string,
    first: number,
    messages: readonly number[],
    known: string,
    node: string,
  ): Promise<Head & { readonly isGathering: boolean }> {
    const frames = messages.flatMap((message) => [String(Date.now()), frame(message)]);
    const args = [TTL_MS, SIZE, TTL_MS, NO_WINDOW, node, known, start, legs, String(first), 'last', ...frames];
    return headOf(await this.run('rookeryRestore', args));
  }

  /** @returns undefined while the room gathers */
  async history({ epoch, offset }: Head, known: string) {
    const args = [TTL_MS, SIZE, TTL_MS, epoch, String(offset), SIZE, '1000000', known];
    const reply = (await this.run('rookeryHistory', args)) as string[];
    const [head, , , after, lost, ...entries] = reply;
    if (head === undefined) return undefined;
    const messages: number[] = [];
    for (let index = 0; index + 1 < entries.length; index += 2) {
      messages.push(Number(readEntry(entries[index] ?? '', entries[index + 1] ?? '').data));
    }
    return { epoch: head, after: Number(after), lost, messages };
  }

  /** Returns the start time of the current epoch, by the clock of Redis. */
  async began(): Promise<number> {
    const epoch = (await this.client.hget(this.names.meta, 'e')) ?? (await this.client.get(this.names.unused));
    return Number(/\.(\d+)( |$)/.exec(epoch ?? '.0')?.[1]);
  }

  /** Begins another run of Redis, as the room sees it. */
  async beginRun(): Promise<void> {
    if ((await this.client.exists(this.names.meta)) === 1) await this.client.hset(this.names.meta, 'r', 'another');
    const unused = await this.client.get(this.names.unused);
    if (unused !== null) await this.client.set(this.names.unused, unused.replace(/ .*/, ' another'));
  }

  /** Ends the gathering at the next operation. */
  async hurry(): Promise<void> {
    await this.wait(0);
  }

  async save(): Promise<readonly (Buffer | null)[]> {
    return Promise.all(this.dumped.map((name) => this.client.dumpBuffer(name)));
  }

  async load(dumps: readonly (Buffer | null)[]): Promise<void> {
    await this.client.del(...this.dumped);
    for (const [index, name] of this.dumped.entries()) {
      const dump = dumps[index];
      if (dump != null) await this.client.restore(name, 0, dump);
    }
  }

  private get dumped(): string[] {
    return [this.names.unused, this.names.meta, this.names.stream];
  }

  private async run(script: ScriptName, args: readonly string[]): Promise<unknown> {
    const caller = this.client as unknown as Record<string, (...all: (string | number)[]) => Promise<unknown>>;
    this.fresh += 1;
    const reply = await caller[script]?.(this.keys.length, ...this.keys, `model.${this.fresh}`, ...args);
    // A busy machine may take longer between two commands than a room gathers.
    await this.wait(FAR_MS);
    return reply;
  }

  private async wait(until: number): Promise<void> {
    const waits = await this.client.hget(this.names.meta, 'w');
    if (waits !== null) await this.client.hset(this.names.meta, 'w', waits.replace(/^\d+/, String(until)));
  }
}

function frame(message: number): string {
  return frameOf({ room: 'r', data: String(message) }, 'id');
}

function headOf(reply: unknown): Head & { readonly isGathering: boolean } {
  const [epoch = '', offset, , , state] = reply as string[];
  return { epoch, offset: Number(offset), isGathering: state !== '' };
}
