import { setTimeout as delay } from 'node:timers/promises';

import type { Seeded } from '../support/seeded.js';
import type { FailoverNode } from './failover-node.js';
import type { Ledger } from './ledger.js';
import type { Storage, StorageFault } from './storage.js';

export type NodeFault = 'kill' | 'stop';

/** What may happen in a run. */
export interface Repertoire {
  readonly storage: readonly StorageFault[];
  readonly nodes: readonly NodeFault[];
}

export interface Victims {
  readonly storage: Storage;
  readonly nodes: readonly FailoverNode[];
}

/** Nodes that may be away at one time. */
const MOST_AWAY = 2;

/**
 * Faults as a seed has them. Redis has one at a time, and its next one as soon as the last is over; every second time, a
 * node has one across it. In between, nodes have theirs.
 */
export class Faults {
  /** Whose turn it is among the faults of Redis: few fit in a run, and each should be among them. */
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

  /** Goes on until a time of the ledger's clock, and returns when all faults are lifted. */
  async play(until: number): Promise<void> {
    while (this.ledger.clock() < until) {
      this.next();
      await delay(500 + this.random.below(2500));
    }
    while (this.busy.size > 0) await Promise.all(this.busy.values());
  }

  /** Draws everything each time, so that what is drawn next depends on nothing but the seed. */
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
