import { Injectable, type OnModuleInit } from '@nestjs/common';
import { Counter, Gauge, Registry, collectDefaultMetrics } from 'prom-client';

import { Siblings } from '../cluster/siblings.js';
import { RoomRules } from '../config/room-rules.js';
import { ConnectionsService } from '../connections/connections.service.js';
import { REFUSALS } from '../protocol/refusals.js';
import { RoomsService } from '../rooms/rooms.service.js';
import type { Distribution } from '../telemetry/distribution.js';
import { refusalCodeOf } from '../telemetry/refusal-label.js';
import type { Tally } from '../telemetry/tally.js';
import { Telemetry } from '../telemetry/telemetry.js';
import { distributionMetric } from './distribution.metric.js';
import { mergeMetrics, type Measured } from './merge-metrics.js';

const PREFIX = 'rookery_';
const MEASURED = 'metrics:measured';

/** One series of a counter: its labels and its value. */
type Series = readonly [labels: Readonly<Record<string, string>>, count: number];

/**
 * Prometheus’s view of the counters. Nothing is counted here: each metric reads its number when it is asked for, so
 * that the way of a message knows nothing of this library.
 */
@Injectable()
export class MetricsService implements OnModuleInit {
  private readonly registry = new Registry();

  constructor(
    telemetry: Telemetry,
    connections: ConnectionsService,
    rooms: RoomsService,
    rules: RoomRules,
    private readonly siblings: Siblings,
  ) {
    // Brings event-loop delay, memory, CPU and garbage collection by their customary names.
    collectDefaultMetrics({ register: this.registry });
    this.gauge('connections', 'Open connections', () => connections.count());
    this.gauge('rooms', 'Rooms with members on this node', () => rooms.count());
    this.gauge('memberships', 'Connections in rooms, each counted once for every room', () => rooms.memberships());
    this.gauge('outbox_bytes', 'Bytes that wait for sockets', () => outboxBytes(connections));
    this.gauge('history_bytes', 'Bytes of history in memory, with the memory broker', () => telemetry.historyBytes);

    this.counter('connections_opened_total', 'Upgrades accepted', () => telemetry.connectionsOpened);
    this.counter(
      'descriptor_shortages_total',
      'TCP connections accepted when only the reserve of file descriptors was left',
      () => telemetry.descriptorShortages,
    );
    this.counter('messages_in_total', 'Messages received from clients', () => telemetry.messagesIn);
    this.counter('bytes_in_total', 'Bytes of messages received from clients', () => telemetry.bytesIn);
    this.counter('deliveries_total', 'Publications handed to connections', () => telemetry.deliveries);
    this.counter('bytes_out_total', 'Bytes written to sockets', () => telemetry.bytesOut);
    this.counter('writes_total', 'Writes to sockets', () => telemetry.writes);
    this.counter('compressions_total', 'Messages compressed, each once for all members', () => telemetry.compressions);
    this.counter('caught_up_total', 'Members that became live after catching up', () => telemetry.caughtUp);
    this.counter(
      'mended_total',
      'Publications that were lost on the way to this node and read from history',
      () => telemetry.mended,
    );

    this.tally('published_total', 'Publications accepted, by the way they came', 'source', telemetry.published);
    this.tally('errors_total', 'Errors sent to clients, by code', 'code', telemetry.errors);
    this.tally('closes_total', 'Connections closed, by close code', 'code', telemetry.closes);
    this.tally('cuts_total', 'Connections cut without a goodbye, by reason', 'reason', telemetry.cuts);
    this.tally('call_errors_total', 'Errors that REST calls were answered with, by code', 'code', telemetry.callErrors);
    this.refusals(telemetry);
    this.tally('drops_total', 'What did not reach a client, by reason', 'reason', telemetry.drops);
    this.tally('forgotten_total', 'What was dropped before its time, by the limit', 'limit', telemetry.forgotten);

    this.recoveries(telemetry, rules);
    const { fanOutSeconds, publishSeconds, redisSeconds } = telemetry;
    this.histogram('fan_out_seconds', 'Time that the fan-out of one event-loop turn took', fanOutSeconds);
    this.histogram('publish_seconds', 'Time from a publish to its acceptance by the broker', publishSeconds);
    this.histogram('redis_round_trip_seconds', 'Time from commands to Redis to the last answer', redisSeconds);
  }

  onModuleInit(): void {
    this.siblings.on(MEASURED, () => this.registry.getMetricsAsJSON());
  }

  get contentType(): string {
    return this.registry.contentType;
  }

  /** With several processes on the port, the metrics of all of them: a scrape reaches only one. */
  async render(): Promise<string> {
    const { worker } = this.siblings;
    if (worker === undefined) return this.registry.metrics();
    const { answers, silent } = await this.siblings.ask(MEASURED);
    const byWorker = new Map<number, Measured>([[worker, await this.registry.getMetricsAsJSON()]]);
    for (const { worker: other, answer } of answers) byWorker.set(other, answer as Measured);
    return mergeMetrics(byWorker, silent.length);
  }

  private gauge(name: string, help: string, read: () => number): void {
    const gauge: Gauge = new Gauge({
      name: PREFIX + name,
      help,
      registers: [this.registry],
      collect: () => gauge.set(read()),
    });
  }

  private counter(name: string, help: string, read: () => number): void {
    const counter: Counter = new Counter({
      name: PREFIX + name,
      help,
      registers: [this.registry],
      collect: () => {
        counter.reset();
        counter.inc(read());
      },
    });
  }

  private tally<Label extends string | number>(name: string, help: string, label: string, tally: Tally<Label>): void {
    this.series(name, help, [label], function* read() {
      for (const [value, count] of tally.entries()) yield [{ [label]: String(value) }, count];
    });
  }

  /** The status beside the code follows from it, and makes no series more. */
  private refusals({ refusals }: Telemetry): void {
    this.series('refusals_total', 'Upgrades refused, by HTTP status and code', ['status', 'code'], function* read() {
      for (const [code, count] of refusals.entries()) {
        yield [{ status: String(REFUSALS[refusalCodeOf(code)].status), code }, count];
      }
    });
  }

  private recoveries(telemetry: Telemetry, rules: RoomRules): void {
    for (const rule of rules.names()) telemetry.recoveriesOf(rule);
    const help = 'Recoveries, by what came of them, why something was lost, and the rule of the room';
    this.series('recoveries_total', help, ['result', 'reason', 'rule'], function* read() {
      for (const [rule, outcomes] of telemetry.recoveries) {
        for (const [outcome, count] of outcomes.entries()) {
          const isComplete = outcome === 'complete';
          yield [{ result: isComplete ? 'complete' : 'lost', reason: isComplete ? '' : outcome, rule }, count];
        }
      }
    });
  }

  /** A counter with labels, whose series are read when it is asked for. */
  private series(name: string, help: string, labelNames: string[], read: () => Iterable<Series>): void {
    const counter: Counter = new Counter({
      name: PREFIX + name,
      help,
      labelNames,
      registers: [this.registry],
      collect: () => {
        counter.reset();
        for (const [labels, count] of read()) counter.inc(labels, count);
      },
    });
  }

  private histogram(name: string, help: string, distribution: Distribution): void {
    this.registry.registerMetric(distributionMetric(PREFIX + name, help, distribution));
  }
}

function outboxBytes(connections: ConnectionsService): number {
  let bytes = 0;
  for (const { outbox } of connections.all()) bytes += outbox.backlog;
  return bytes;
}
