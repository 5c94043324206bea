import { monitorEventLoopDelay, type IntervalHistogram } from 'node:perf_hooks';

import { Inject, Injectable, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import { HealthIndicatorService, type HealthIndicatorResult } from '@nestjs/terminus';

import { Broker } from '../broker/broker.js';
import { Cluster } from '../cluster/cluster.js';
import { Siblings } from '../cluster/siblings.js';
import { RookeryOptions } from '../config/rookery.options.js';
import { DrainState } from '../connections/drain-state.js';
import { EVERYBODY } from '../protocol/room-name.js';

const NANOSECONDS_PER_MS = 1e6;
const RESOLUTION_MS = 20;
/** The delay that counts is that of the last while, not of the whole life of the process. */
const WINDOW_MS = 10_000;
const NOT_READY = 'health:not-ready';

/** What makes a node fit for connections, each with its reason when it is not. */
@Injectable()
export class NodeHealth implements OnModuleInit, OnApplicationShutdown {
  private readonly delay: IntervalHistogram;
  private readonly window: NodeJS.Timeout;
  private lastP99Ms = 0;

  constructor(
    private readonly options: RookeryOptions,
    private readonly indicators: HealthIndicatorService,
    private readonly drain: DrainState,
    @Inject(Broker) private readonly messages: Broker,
    @Inject(Cluster) private readonly cluster: Cluster,
    private readonly siblings: Siblings,
  ) {
    this.delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
    this.delay.enable();
    this.window = setInterval(() => {
      this.lastP99Ms = this.p99();
      this.delay.reset();
    }, WINDOW_MS).unref();
  }

  onModuleInit(): void {
    this.siblings.on(NOT_READY, () => this.problems());
  }

  onApplicationShutdown(): void {
    clearInterval(this.window);
    this.delay.disable();
  }

  process(): HealthIndicatorResult {
    return this.indicators.check('process').up({ uptimeSeconds: Math.round(process.uptime()) });
  }

  /**
   * What makes it fit for new connections. Where several processes serve the port, a new connection goes to whichever
   * takes it: all of them have to be fit.
   */
  readiness(): (() => HealthIndicatorResult | Promise<HealthIndicatorResult>)[] {
    return this.siblings.worker === undefined ? this.ownReadiness() : [...this.ownReadiness(), () => this.workers()];
  }

  notDraining(): HealthIndicatorResult {
    const indicator = this.indicators.check('draining');
    return this.drain.draining ? indicator.down('the node is shutting down') : indicator.up();
  }

  async broker(): Promise<HealthIndicatorResult> {
    const indicator = this.indicators.check('broker');
    const startedAt = performance.now();
    try {
      await this.messages.ping();
      const degraded = this.messages.impairment?.();
      // Every connection joins this room, whatever else it joins.
      if (this.messages.isReady?.(EVERYBODY) === false) return indicator.down(degraded ?? 'the broker is not ready');
      const roundTripMs = Math.round(performance.now() - startedAt);
      return indicator.up({ roundTripMs, ...(degraded === undefined ? {} : { degraded }) });
    } catch (error) {
      return indicator.down(error instanceof Error ? error.message : 'does not answer');
    }
  }

  /** Limits over all nodes are counted that way too: a node without it has to refuse connections. */
  nodes(): HealthIndicatorResult {
    const indicator = this.indicators.check('nodes');
    return this.cluster.isConnected ? indicator.up() : indicator.down('other nodes cannot be reached');
  }

  eventLoop(): HealthIndicatorResult {
    const indicator = this.indicators.check('eventLoop');
    const p99Ms = Math.max(this.lastP99Ms, this.p99());
    const { maxEventLoopDelayMs: max } = this.options;
    return max > 0 && p99Ms > max
      ? indicator.down({ message: `delay above ${max} ms`, p99Ms })
      : indicator.up({ p99Ms });
  }

  memory(): HealthIndicatorResult {
    const indicator = this.indicators.check('memory');
    const residentBytes = process.memoryUsage.rss();
    const { maxMemoryBytes: max } = this.options;
    return max > 0 && residentBytes > max
      ? indicator.down({ message: `above ${max} bytes`, residentBytes })
      : indicator.up({ residentBytes });
  }

  /** The other processes on the port. */
  async workers(): Promise<HealthIndicatorResult> {
    const indicator = this.indicators.check('workers');
    const { answers, silent } = await this.siblings.ask(NOT_READY);
    const unfit = answers.flatMap(({ worker, answer }) => {
      const problems = answer as readonly string[];
      return problems.length === 0 ? [] : [`worker ${worker}: ${problems.join(', ')}`];
    });
    const problems = [
      ...unfit,
      ...silent.map((worker) => `${worker === 0 ? 'the supervisor' : `worker ${worker}`} does not answer`),
    ];
    return problems.length === 0 ? indicator.up({ ready: answers.length + 1 }) : indicator.down(problems.join('; '));
  }

  private ownReadiness(): (() => HealthIndicatorResult | Promise<HealthIndicatorResult>)[] {
    return [
      () => this.notDraining(),
      () => this.broker(),
      () => this.nodes(),
      () => this.eventLoop(),
      () => this.memory(),
    ];
  }

  /** The names of the checks that fail. */
  private async problems(): Promise<string[]> {
    const results = await Promise.all(this.ownReadiness().map(async (check) => check()));
    return results.flatMap((result) =>
      Object.entries(result).flatMap(([name, { status }]) => (status === 'up' ? [] : [name])),
    );
  }

  /** How late timers ran beyond their own resolution. */
  private p99(): number {
    const ms = this.delay.percentile(99) / NANOSECONDS_PER_MS - RESOLUTION_MS;
    return Number.isFinite(ms) ? Math.max(0, Math.round(ms)) : 0;
  }
}
