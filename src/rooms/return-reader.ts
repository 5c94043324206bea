import { Inject, Injectable, type OnApplicationShutdown } from '@nestjs/common';

import { Broker, type HistoryPage, type MaybePromise, type PageLimit } from '../broker/broker.js';
import type { Position } from '../protocol/position.js';
import { RecentRun } from './recent-run.js';
import type { Room } from './room.js';

/** Limit on one page for one member. Small, so that many who catch up share the event loop fairly. */
export const PAGE: PageLimit = { count: 256, bytes: 128 * 1024 };

/** The clients of a lost node are back after some seconds. */
const KEEP_MS = 10_000;
/** Limit on the memory of all runs. */
const MAX_BYTES = 8 * 1024 * 1024;

/**
 * Reads history for members that return to a room or fall behind in it. After the loss of a node, many return from one
 * position at one time: what the node knows is not read again, and what several ask for is read once.
 */
@Injectable()
export class ReturnReader implements OnApplicationShutdown {
  /** Reads in progress, by room and position. */
  private readonly reads = new Map<string, Promise<HistoryPage>>();
  /** Rooms whose recent messages are kept, and since when; the oldest first. */
  private readonly kept = new Map<Room, { readonly run: RecentRun; readonly since: number }>();
  private bytes = 0;
  private timer: NodeJS.Timeout | undefined;

  constructor(@Inject(Broker) private readonly broker: Broker) {}

  onApplicationShutdown(): void {
    clearTimeout(this.timer);
  }

  /**
   * Reads the page that follows a position. It may end before the latest message: the member then reads on.
   *
   * @throws BrokerUnavailableError
   */
  read(room: Room, from: Position): MaybePromise<HistoryPage> {
    const known = this.known(room, from);
    if (known !== undefined) return known;
    const key = `${from.offset} ${from.epoch} ${room.name}`;
    const ongoing = this.reads.get(key);
    if (ongoing !== undefined) return ongoing;
    const page = this.broker.history(room.name, from, PAGE);
    if (!(page instanceof Promise)) return page;
    const read = page.then((found) => {
      this.keep(room, found);
      return found;
    });
    this.reads.set(key, read);
    const done = (): void => void this.reads.delete(key);
    read.finally(done).catch(() => undefined);
    return read;
  }

  /** Returns the page if this node has it, as its live members do. */
  private known(room: Room, from: Position): HistoryPage | undefined {
    // While the room itself is behind, only the broker knows.
    if (room.opening !== undefined || room.ahead !== undefined || from.epoch !== room.epoch) return undefined;
    if (this.broker.isReady?.() === false) return undefined;
    if (from.offset === room.offset) return { head: from, after: from.offset, publications: [] };
    const { historySize, historyTtlMs } = room.behaviour;
    const page = room.recent?.pageAfter(from.offset);
    const [oldest] = page?.publications ?? [];
    if (oldest === undefined || room.offset - from.offset > historySize) return undefined;
    return oldest.timestamp > Date.now() - historyTtlMs ? page : undefined;
  }

  /** Keeps a page for others that return; messages that the room receives are added to it. */
  private keep(room: Room, { head, after, publications }: HistoryPage): void {
    if (publications.length === 0 || head.epoch !== room.epoch) return;
    const { recent } = room;
    const run = recent !== undefined && after <= recent.end ? recent : this.begin(room, head.epoch, after);
    for (const publication of publications) run.add(publication);
  }

  private begin(room: Room, epoch: string, after: number): RecentRun {
    const run = new RecentRun(epoch, after, PAGE, (bytes) => {
      if (room.recent === run) this.grow(bytes);
    });
    this.forget(room);
    room.recent = run;
    this.kept.set(room, { run, since: performance.now() });
    this.timer ??= setTimeout(() => this.expire(), KEEP_MS).unref();
    return run;
  }

  private grow(bytes: number): void {
    this.bytes += bytes;
    while (this.bytes > MAX_BYTES) {
      const [oldest] = this.kept.keys();
      if (oldest === undefined) return;
      this.forget(oldest);
    }
  }

  private expire(): void {
    this.timer = undefined;
    const now = performance.now();
    for (const [room, { since }] of this.kept) {
      const restMs = since + KEEP_MS - now;
      if (restMs > 0) {
        this.timer = setTimeout(() => this.expire(), restMs).unref();
        return;
      }
      this.forget(room);
    }
  }

  private forget(room: Room): void {
    const run = this.kept.get(room)?.run;
    if (run === undefined) return;
    this.kept.delete(room);
    this.bytes -= run.size;
    if (room.recent === run) room.recent = undefined;
  }
}
