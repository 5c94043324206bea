import { Logger } from '@nestjs/common';

/** How long after a failed probe the next one is sent. */
const RETRY_MS = 250;
/**
 * How long a server must accept everything before it counts as usable again. A server whose memory is full accepts
 * something small now and then, and rejects most of what is published.
 */
const HOLD_MS = 5000;
const LASTING = /^(OOM|MISCONF|NOREPLICAS)\b/;
/** Errors that say something of the server, and not of one operation. */
const REFUSAL = /^(OOM|MISCONF|NOREPLICAS|READONLY|NOAUTH|CLUSTERDOWN|MASTERDOWN|LOADING|BUSY|the user lacks)\b/;
/** Limit on the reasons that are logged until all is well again. */
const MAX_LOGGED = 20;

/** Whether an error of Redis lets expect that other operations fail too. */
export function isRefusal(reason: string): boolean {
  return REFUSAL.test(reason);
}

/** A server that holds rooms: the only one, or one master of a cluster. */
export interface Shard {
  readonly id: string;
  /** One of its slots. */
  readonly slot: number;
  /** How many slots it has. */
  readonly slots: number;
}

interface Trouble {
  readonly reason: string;
  /** Until then, no probe that succeeds ends it. */
  readonly heldUntil: number;
}

/**
 * Whether operations on each server can be expected to succeed. Two things decide: operations that failed, and a probe
 * that writes to each server at an interval. A Redis that is full, has become a replica or withholds a right is
 * connected, and still rejects what is asked.
 */
export class Fitness {
  private readonly logger = new Logger(Fitness.name);
  private readonly troubles = new Map<string, Trouble>();
  /** As of the last check; none before the first one. */
  private shards: readonly Shard[] = [];
  private checking: Promise<void> | undefined;
  private timer: NodeJS.Timeout | undefined;
  private stopped = false;
  private readonly logged = new Set<string>();

  /**
   * @param listShards lists the servers
   * @param probe resolves if a server accepts what is written; rejects with the reason; bounded in time
   * @param intervalMs time between probes of servers that are fit
   */
  constructor(
    private readonly listShards: () => readonly Shard[],
    private readonly probe: (shard: Shard) => Promise<void>,
    private readonly intervalMs: number,
  ) {}

  /** Whether some of the servers can be used. */
  get isFit(): boolean {
    return this.shards.some(({ id }) => !this.troubles.has(id));
  }

  /** Whether a server can be used. */
  isFitAt(id: string | undefined): boolean {
    return id !== undefined && !this.troubles.has(id);
  }

  /** Says what is wrong with which part of the servers; undefined if nothing is. */
  get problem(): string | undefined {
    const unfit = this.shards.filter(({ id }) => this.troubles.has(id));
    if (unfit.length === 0) return this.shards.length === 0 ? 'not checked yet' : undefined;
    const reasons = [...new Set(unfit.map(({ id }) => this.troubles.get(id)?.reason))].join('; ');
    if (this.shards.length === 1) return reasons;
    const part = `${slotsOf(unfit)} of ${slotsOf(this.shards)} slots`;
    return `${unfit.length} of ${this.shards.length} masters (${part}) cannot be used: ${reasons}`;
  }

  /** Takes that an operation on a server has failed. */
  fail(id: string, reason: string): void {
    if (this.stopped) return;
    const isKnown = this.troubles.has(id);
    if (isKnown && !LASTING.test(reason)) return;
    this.setTrouble(id, reason);
    if (!isKnown) void this.check();
  }

  /** Takes that there is a new connection, perhaps to another server: what an earlier one said counts no more. */
  renew(): void {
    for (const [id, { reason }] of this.troubles) this.troubles.set(id, { reason, heldUntil: 0 });
    void this.check();
  }

  /** Probes all servers now. */
  check(): Promise<void> {
    this.checking ??= this.probeAll().finally(() => {
      this.checking = undefined;
      this.schedule();
    });
    return this.checking;
  }

  stop(): void {
    this.stopped = true;
    clearTimeout(this.timer);
  }

  private async probeAll(): Promise<void> {
    const shards = this.listShards();
    await Promise.all(shards.map((shard) => this.probeOne(shard)));
    this.shards = shards;
    for (const id of this.troubles.keys()) if (!shards.some((shard) => shard.id === id)) this.troubles.delete(id);
    this.report();
  }

  private async probeOne(shard: Shard): Promise<void> {
    try {
      await this.probe(shard);
      const trouble = this.troubles.get(shard.id);
      if (trouble !== undefined && trouble.heldUntil <= performance.now()) this.troubles.delete(shard.id);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      // The name comes before all reasons together.
      this.setTrouble(shard.id, reason.replace(/^Redis: /, ''));
    }
  }

  private setTrouble(id: string, reason: string): void {
    const held = this.troubles.get(id)?.heldUntil ?? 0;
    this.troubles.set(id, { reason, heldUntil: LASTING.test(reason) ? performance.now() + HOLD_MS : held });
  }

  private schedule(): void {
    clearTimeout(this.timer);
    if (this.stopped) return;
    const after = this.troubles.size > 0 ? RETRY_MS : this.intervalMs;
    this.timer = setTimeout(() => void this.check(), after).unref();
  }

  /** Logs each reason once, and when all is well again. */
  private report(): void {
    const { problem } = this;
    if (problem === undefined) {
      if (this.logged.size > 0) this.logger.log('Redis accepts all operations again');
      this.logged.clear();
    } else if (!this.logged.has(problem) && this.logged.size < MAX_LOGGED) {
      this.logged.add(problem);
      const state = this.isFit ? 'part of the rooms cannot be used' : 'this node is not ready';
      this.logger.warn(`Redis: ${problem}; ${state}`);
    }
  }
}

function slotsOf(shards: readonly Shard[]): number {
  return shards.reduce((sum, { slots }) => sum + slots, 0);
}
