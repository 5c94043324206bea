import { Injectable, type OnModuleInit } from '@nestjs/common';
import { Counter, Gauge, Registry, collectDefaultMetrics } from 'prom-client';

import { Siblings } from '../cluster/siblings.js';
import { ConnectionsService } from '../connections/connections.service.js';
import { REFUSALS } from '../protocol/refusals.js';
import { RoomsService } from '../rooms/rooms.service.js';
import { refusalCodeOf, type RefusalLabel } from '../telemetry/refusal-label.js';
import type { Tally } from '../telemetry/tally.js';
import { Telemetry } from '../telemetry/telemetry.js';
import { distributionMetric } from './distribution.metric.js';
import { mergeMetrics, type Measured } from './merge-metrics.js';

const PREFIX = 'rookery_';
const MEASURED = 'metrics:measured';

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
    private readonly siblings: Siblings,
  ) {
    // Brings event-loop delay, memory, CPU and garbage collection by their customary names.
    collectDefaultMetrics({ register: this.registry });
    this.gauge('connections', 'Open connections', () => connections.count());
    this.gauge('rooms', 'Rooms with members on this node', () => rooms.count());
    this.gauge('memberships', 'Connections in rooms, each counted once for every room', () => rooms.memberships());
    this.gauge('outbox_bytes', 'Bytes that wait for sockets', () => outboxBytes(connections));

    this.counter('connections_opened_total', 'Upgrades accepted', () => telemetry.connectionsOpened);
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
    this.refusals(telemetry.refusals);
    this.tally('drops_total', 'What did not reach a client, by reason', 'reason', telemetry.drops);

    const fanOutHelp = 'Time that the fan-out of one event-loop turn took';
    this.registry.registerMetric(distributionMetric(`${PREFIX}fan_out_seconds`, fanOutHelp, telemetry.fanOutSeconds));
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

  /** With the status beside the code: it follows from it, and makes no series more. */
  private refusals(tally: Tally<RefusalLabel>): void {
    const counter: Counter = new Counter({
      name: `${PREFIX}refusals_total`,
      help: 'Upgrades refused, by HTTP status and code',
      labelNames: ['status', 'code'],
      registers: [this.registry],
      collect: () => {
        counter.reset();
        for (const [code, count] of tally.entries()) {
          counter.inc({ status: String(REFUSALS[refusalCodeOf(code)].status), code }, count);
        }
      },
    });
  }

  private tally<Label extends string | number>(name: string, help: string, label: string, tally: Tally<Label>): void {
    const counter: Counter = new Counter({
      name: PREFIX + name,
      help,
      labelNames: [label],
      registers: [this.registry],
      collect: () => {
        counter.reset();
        for (const [value, count] of tally.entries()) counter.inc({ [label]: String(value) }, count);
      },
    });
  }
}

function outboxBytes(connections: ConnectionsService): number {
  let bytes = 0;
  for (const { outbox } of connections.all()) bytes += outbox.backlog;
  return bytes;
}
