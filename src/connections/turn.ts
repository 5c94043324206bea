import { Injectable } from '@nestjs/common';

import { RookeryOptions } from '../config/rookery.options.js';
import { Telemetry } from '../telemetry/telemetry.js';

/** Something that collects what goes out and passes it on when the turn ends. */
export interface Flushable {
  flush(): void;
}

/**
 * One turn of the event loop. Rooms collect what was published in it, connections what rooms and replies have for
 * them; at its end the rooms pass on to the connections, and each connection writes once.
 *
 * The check phase comes right after the poll phase that read the sockets: nothing waits for a timer, unless
 * `FLUSH_INTERVAL_MS` asks for one.
 */
@Injectable()
export class Turn {
  private rooms: Flushable[] = [];
  private outboxes: Flushable[] = [];
  private ending = false;
  /** The time of the turn's first publish; 0 while there is none. */
  private publishingAt = 0;
  private published = 0;
  /** True while outboxes may write at once what a room hands them: see {@link flushRooms}. */
  writesThrough = false;
  private readonly interval: number;

  constructor(
    options: RookeryOptions,
    private readonly telemetry: Telemetry,
  ) {
    this.interval = options.flushIntervalMs;
  }

  /** Flushes this room at the end of the turn, before any outbox. Call it once a turn. */
  endWithRoom(room: Flushable): void {
    this.rooms.push(room);
    if (!this.ending) this.schedule();
  }

  /** Flushes this outbox at the end of the turn. Call it once a turn. */
  endWithOutbox(outbox: Flushable): void {
    this.outboxes.push(outbox);
    if (!this.ending) this.schedule();
  }

  /** Returns the time of the turn's first publish, in milliseconds of a monotonic clock: one look at it for all of them. */
  publishTime(): number {
    if (this.publishingAt === 0) {
      this.publishingAt = performance.now();
      if (!this.ending) this.schedule();
    }
    return this.publishingAt;
  }

  /** Counts a publish that the broker accepted at once. Its acknowledgement leaves at the end of the turn. */
  publishAccepted(): void {
    this.published += 1;
  }

  /** Ends the turn without waiting for its end. */
  endNow(): void {
    this.end();
  }

  private schedule(): void {
    this.ending = true;
    if (this.interval > 0) setTimeout(this.end, this.interval);
    else setImmediate(this.end);
  }

  private readonly end = (): void => {
    this.ending = false;
    const fannedOutAt = this.rooms.length > 0 ? this.flushRooms() : undefined;
    this.flushOutboxes();
    if (this.publishingAt > 0) this.observePublishes(fannedOutAt);
    // What rooms collected while others were flushed.
    if (this.rooms.length > 0) this.schedule();
  };

  private observePublishes(endedAt = performance.now()): void {
    const { published, publishingAt } = this;
    this.published = 0;
    this.publishingAt = 0;
    if (published > 0) this.telemetry.publishSeconds.observe((endedAt - publishingAt) / 1000, published);
  }

  /** @returns when it ended */
  private flushRooms(): number {
    const startedAt = performance.now();
    const { rooms } = this;
    this.rooms = [];
    // While rooms flush, they hand to outboxes, which then wait for no turn of their own.
    this.ending = true;
    // Nothing else can have something for the same connections: what comes through is all they get in this turn.
    this.writesThrough = rooms.length === 1 && this.outboxes.length === 0;
    for (const room of rooms) room.flush();
    this.writesThrough = false;
    this.flushOutboxes();
    this.ending = false;
    const endedAt = performance.now();
    this.telemetry.fanOutSeconds.observe((endedAt - startedAt) / 1000);
    return endedAt;
  }

  private flushOutboxes(): void {
    const { outboxes } = this;
    if (outboxes.length === 0) return;
    this.outboxes = [];
    for (const outbox of outboxes) outbox.flush();
  }
}
