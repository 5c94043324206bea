import { setTimeout as delay } from 'node:timers/promises';

import { Injectable, Logger, type BeforeApplicationShutdown } from '@nestjs/common';

import { RookeryOptions } from '../config/rookery.options.js';
import { CLOSE_CODES } from '../protocol/close-codes.js';
import type { Connection } from './connection.js';
import { ConnectionsService } from './connections.service.js';
import { DrainState } from './drain-state.js';
import { Turn } from './turn.js';

/** Share of the drain time over which the goodbyes are spread; the rest is for answers and outboxes. */
const GOODBYE_SHARE = 0.6;
/** Goodbyes need not be further apart than this. */
const MAX_PACE_MS = 5;
const STEP_MS = 20;

/**
 * Shuts the node down without losing a client: no new connections, each client told when to come back, spread over a
 * window so that the nodes left are not stormed, outboxes written out, and only what is left at the end is cut.
 */
@Injectable()
export class DrainService implements BeforeApplicationShutdown {
  private readonly logger = new Logger(DrainService.name);

  constructor(
    private readonly options: RookeryOptions,
    private readonly connections: ConnectionsService,
    private readonly state: DrainState,
    private readonly turn: Turn,
  ) {}

  async beforeApplicationShutdown(): Promise<void> {
    this.state.draining = true;
    const startedAt = performance.now();
    const deadline = startedAt + this.options.drainTimeoutMs;
    const total = this.connections.count();
    await this.sayGoodbye(Math.min(this.options.drainTimeoutMs * GOODBYE_SHARE, total * MAX_PACE_MS));
    while (this.connections.count() > 0 && performance.now() < deadline) await delay(STEP_MS);
    const cut = this.connections.count();
    for (const connection of this.connections.all()) connection.terminate('drain');
    const took = Math.round(performance.now() - startedAt);
    if (total > 0) this.logger.log(`Drained ${total} connections in ${took} ms, ${cut} of them cut`);
  }

  private async sayGoodbye(windowMs: number): Promise<void> {
    const leaving = [...this.connections.all()];
    const startedAt = performance.now();
    let told = 0;
    while (told < leaving.length) {
      // What rooms hold back for the end of the turn is the leaving clients' too.
      this.turn.endNow();
      const passed = performance.now() - startedAt;
      const due = windowMs <= 0 ? leaving.length : Math.ceil((leaving.length * (passed + STEP_MS)) / windowMs);
      for (; told < Math.min(due, leaving.length); told += 1) goodbye(leaving[told], windowMs);
      if (told < leaving.length) await delay(STEP_MS);
    }
  }
}

/** Each client gets another delay, so that they do not come back all at once. */
function goodbye(connection: Connection | undefined, windowMs: number): void {
  if (connection === undefined || connection.closing) return;
  const reconnectInMs = Math.round(Math.random() * Math.max(windowMs, 500));
  // One that is still being set up has not been greeted, and the greeting comes before all else.
  if (connection.announced) connection.send('server:draining', { reconnectInMs });
  // A client that is behind first gets what waits for it: the time for its answer to the close counts from the close.
  connection.outbox.whenRelieved(() => connection.close(CLOSE_CODES.GOING_AWAY, 'server going away'));
}
