import { Cluster } from 'ioredis';

import type { RookeryOptions } from '../../config/rookery.options.js';
import type { CommandQueue } from './command-queue.js';
import { Fitness, isRefusal, type Shard } from './fitness.js';
import type { RedisClient } from './redis-client.js';
import { Rights } from './rights.js';
import type { RoomKeys } from './room-keys.js';

const ONLY = 'redis';
/** Stands for the slots that no server has. */
const NOBODY = 'no server';
const PROBE_TEXT = '.'.repeat(32 * 1024);

/** Watches whether operations of a client can be expected to succeed: by those that fail, and by probes that write. */
export function createFitness(
  options: RookeryOptions,
  client: RedisClient,
  commands: CommandQueue,
  keys: RoomKeys,
): Fitness {
  const rights = new Rights(options);
  const probe = async ({ slot }: Shard): Promise<void> => {
    const missing = await commands.run('rookeryProbe', [keys.probe(slot)], [PROBE_TEXT, ...rights.calls]);
    const places = missing as readonly number[];
    if (places.length > 0) throw new Error(`the user lacks the rights ${rights.missingRules(places)}`);
  };
  const fitness = new Fitness(() => shardsOf(client), probe, options.redisCheckIntervalMs);
  commands.onFailure((key, reason, isReply) => {
    if (!isReply || isRefusal(reason)) fitness.fail(shardOf(client, keys.slotOf(key)), reason);
  });
  return fitness;
}

/** Lists the servers that hold rooms. */
function shardsOf(client: RedisClient): readonly Shard[] {
  if (!(client instanceof Cluster)) return [{ id: ONLY, slot: 0, slots: 1 }];
  const shards = new Map<string, Shard>();
  for (let slot = 0; slot < client.slots.length; slot += 1) {
    const id = idOf(client, slot);
    shards.set(id, { id, slot, slots: (shards.get(id)?.slots ?? 0) + 1 });
  }
  return [...shards.values()];
}

/** Returns the server that has a slot. */
export function shardOf(client: RedisClient, slot: number): string {
  return client instanceof Cluster ? idOf(client, slot) : ONLY;
}

function idOf(client: Cluster, slot: number): string {
  return client.slots[slot]?.[0] ?? NOBODY;
}
