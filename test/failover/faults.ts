import { setTimeout as delay } from 'node:timers/promises';

import type { Seeded } from '../support/seeded.js';
import type { FailoverNode } from './failover-node.js';
import type { Ledger } from './ledger.js';
import type { Storage, StorageFault } from './storage.js';

export type NodeFault = 'kill' | 'stop';

/** The faults of a run. */
export interface Repertoire {
  readonly storage: readonly StorageFault[];
  readonly nodes: readonly NodeFault[];
}

export interface Victims {
  readonly storage: Storage;
  readonly nodes: readonly FailoverNode[];
}

/** Limit on the nodes that are stopped or killed at the same time. */
const MOST_AWAY = 2;

/**
 * Causes faults in an order that depends only on the seed. Redis has one fault after another. Nodes have theirs during
 * every second one of these, and in between.
 */
export class Faults {
  /** Index of the next fault of Redis. They take turns, because few fit in a run. */
  private turn: number;
  private readonly busy = new Map<object, Promise<void>>();

  constructor(
    private readonly victims: Victims,
    private readonly repertoire: Repertoire,
    private readonly random: Seeded,
    private readonly ledger: Ledger,
  ) {
    this.turn = random.below(repertoire.storage.length);
  }

  /** Causes faults until a time of the ledger's clock, and returns when all of them have ended. */
  async play(until: number): Promise<void> {
    while (this.ledger.clock() < until) {
      this.next();
      await delay(500 + this.random.below(2500));
    }
    while (this.busy.size > 0) await Promise.all(this.busy.values());
  }

  /** Draws all values each time, so that later ones depend only on the seed. */
  private next(): void {
    const { storage, nodes } = this.repertoire;
    const fault = storage[this.turn % storage.length];
    const lastingMs = 3000 + this.random.below(5000);
    const across = this.random.below(2) === 0;
    const node = this.victims.nodes[this.random.below(this.victims.nodes.length)];
    const nodeFault = nodes.length === 0 ? undefined : nodes[this.random.below(nodes.length)];
    const nodeMs = 1000 + this.random.below(4000);
    const { storage: target } = this.victims;
    const isFree = !this.busy.has(target);
    if (node !== undefined && nodeFault !== undefined && (across || !isFree)) this.befall(node, nodeFault, nodeMs);
    if (fault === undefined || !isFree) return;
    this.turn += 1;
    this.happen(target, async () => {
      await target.fault(fault, lastingMs, (what) => this.ledger.happened(what));
    });
  }

  private befall(node: FailoverNode, fault: NodeFault, lastingMs: number): void {
    const away = this.victims.nodes.filter((each) => this.busy.has(each)).length;
    if (away >= MOST_AWAY || this.busy.has(node)) return;
    this.happen(node, () => (fault === 'kill' ? this.kill(node, lastingMs) : this.stop(node, lastingMs)));
  }

  private async kill(node: FailoverNode, lastingMs: number): Promise<void> {
    this.ledger.happened(`${node.name} killed`);
    if (node.place !== undefined) this.ledger.deaths.set(node.place.name, this.ledger.clock());
    await node.kill();
    await delay(lastingMs / 4);
    await node.start();
    this.ledger.happened(`${node.place?.name} listens`);
  }

  private async stop(node: FailoverNode, lastingMs: number): Promise<void> {
    this.ledger.happened(`${node.name} stopped`);
    node.stop();
    await delay(lastingMs);
    node.resume();
    this.ledger.happened(`${node.name} resumed`);
  }

  private happen(victim: object, fault: () => Promise<void>): void {
    this.busy.set(
      victim,
      fault()
        .catch((error: unknown) => this.ledger.happened(`a fault failed: ${String(error)}`))
        .finally(() => this.busy.delete(victim)),
    );
  }
}
