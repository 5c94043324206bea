import type { MaybePromise } from '../broker/broker.js';
import { Batch } from '../broker/redis/batch.js';
import type { CommandQueue } from '../broker/redis/command-queue.js';
import { LocalCounts } from './local-counts.js';
import type { SharedCounts } from './shared-counts.js';

/** How long an entry in Redis holds that nobody writes anew. Only what is written keeps it there. */
const ENTRY_MS = 10 * 60 * 1000;
/** An entry is written anew when it has got so old. */
const REFRESH_MS = ENTRY_MS / 3;
/** So many at most with one beat of the node: after Redis was away all of them are due. */
const REFRESH_AT_ONCE = 5000;
/** Limit on the names that one script takes, so that it does not hold up Redis. */
const NAMES_AT_ONCE = 200;

/** A name of which one more is asked for. */
interface Asked {
  readonly name: string;
  /** How many this node has, that one included. */
  readonly count: number;
}

/** What the counts need to know of the nodes. */
export interface CountingNodes {
  readonly nodeId: string;
  others(): readonly string[];
}

/**
 * Counts over all nodes. Each node writes down how many it has itself, never a difference: what is lost or comes late
 * is put right by the next writing, and what a node had that was killed is not counted any more as soon as the others
 * know it to be gone.
 */
export class RedisCounts implements SharedCounts {
  private readonly own: LocalCounts;
  /** Limit on the names in one call: the keys of a cluster are on different servers. */
  private readonly most: number;
  /** When each entry was written last, the longest ago first. */
  private readonly writtenAt = new Map<string, number>();
  /** Names whose entries are to be written at the end of the turn. */
  private readonly changed = new Set<string>();
  /** Names whose entries could not be written: an entry for what is gone would keep others out. */
  private readonly failed = new Set<string>();
  /** What is asked for in this turn: clients that lost a node come many at a time. */
  private readonly asked: Batch<Asked, unknown>;

  /**
   * @param prefix first part of the keys
   * @param bound for each name, above 0
   */
  constructor(
    private readonly nodes: CountingNodes,
    private readonly commands: CommandQueue,
    private readonly prefix: string,
    private readonly bound: number,
  ) {
    this.own = new LocalCounts(bound);
    this.most = commands.isCluster ? 1 : NAMES_AT_ONCE;
    this.asked = new Batch(
      this.most,
      (asked) => this.ask(asked),
      () => commands.schedule(),
    );
    commands.onFlush(() => {
      this.asked.flush();
      this.writeChanged();
    });
  }

  take(name: string): MaybePromise<boolean> {
    if (!this.own.take(name)) return false;
    if (this.nodes.others().length > 0) return this.askFor(name);
    this.write(name);
    return true;
  }

  give(name: string): void {
    this.own.give(name);
    this.write(name);
  }

  /** Writes what has got old, and what could not be written; called with each beat of the node. */
  refresh(now: number): void {
    for (const name of this.failed) this.write(name);
    this.failed.clear();
    let left = REFRESH_AT_ONCE;
    for (const [name, at] of this.writtenAt) {
      if (now - at < REFRESH_MS || (left -= 1) < 0) break;
      this.write(name);
    }
  }

  /** Redis may have lost its entries. */
  writeAllAgain(): void {
    this.writtenAt.clear();
    for (const name of this.own.names()) this.writtenAt.set(name, -Infinity);
  }

  private async askFor(name: string): Promise<boolean> {
    let isTaken: boolean;
    try {
      isTaken = (await this.asked.add({ name, count: this.own.of(name) })) === 1;
    } catch {
      // This node's own count has let it in; the entry is written as soon as it can be.
      this.failed.add(name);
      return true;
    }
    if (isTaken) this.written(name);
    else this.give(name);
    return isTaken;
  }

  private async ask(asked: readonly Asked[]): Promise<readonly unknown[]> {
    const keys = asked.map(({ name }) => this.keyOf(name));
    const counts = asked.map(({ count }) => count);
    const args = [this.nodes.nodeId, this.bound, ENTRY_MS, ...counts].map(String);
    return (await this.commands.run('rookeryCount', keys, [...args, ...this.nodes.others()])) as unknown[];
  }

  private write(name: string): void {
    this.changed.add(name);
    this.commands.schedule();
  }

  private writeChanged(): void {
    const names = [...this.changed];
    this.changed.clear();
    for (let start = 0; start < names.length; start += this.most) {
      void this.writeDown(names.slice(start, start + this.most));
    }
  }

  private async writeDown(names: readonly string[]): Promise<void> {
    const keys = names.map((name) => this.keyOf(name));
    const args = [this.nodes.nodeId, ENTRY_MS, ...names.map((name) => this.own.of(name))].map(String);
    try {
      await this.commands.run('rookeryRecount', keys, args);
      for (const name of names) this.written(name);
    } catch {
      for (const name of names) this.failed.add(name);
    }
  }

  private written(name: string): void {
    this.writtenAt.delete(name);
    if (this.own.of(name) > 0) this.writtenAt.set(name, performance.now());
  }

  private keyOf(name: string): string {
    return `${this.prefix}:${name}`;
  }
}
