import type { Broker, BrokerListener, HistoryPage, PageLimit } from '../../src/broker/broker.js';
import { MemoryBroker } from '../../src/broker/memory.broker.js';
import type { PublishRequest, PublishResult } from '../../src/broker/publication.js';
import type { RoomRules } from '../../src/config/room-rules.js';
import type { RookeryOptions } from '../../src/config/rookery.options.js';
import type { Position } from '../../src/protocol/position.js';

/**
 * A broker as one over a network is: it answers later, loses deliveries, gives some twice, and may come back without
 * its memory. The order of what it answers and delivers is kept, as the interface promises.
 */
export class UnreliableBroker implements Broker {
  /** So many of the next deliveries get lost. */
  losing = 0;
  /** So many of the next deliveries come twice. */
  doubling = 0;
  private inner: MemoryBroker;
  private listener: BrokerListener | undefined;
  private readonly subscribed = new Set<string>();

  constructor(
    private readonly options: RookeryOptions,
    private readonly rules: RoomRules,
    /** True for answers in a later turn. */
    private readonly late: boolean,
  ) {
    this.inner = this.make();
  }

  listen(listener: BrokerListener): void {
    this.listener = listener;
  }

  publish(request: PublishRequest): PublishResult | Promise<PublishResult> {
    return this.answer(() => this.inner.publish(request));
  }

  subscribe(room: string): Position | Promise<Position> {
    return this.answer(() => {
      this.subscribed.add(room);
      return this.inner.subscribe(room);
    });
  }

  unsubscribe(room: string): void | Promise<void> {
    return this.answer(() => {
      this.subscribed.delete(room);
      this.inner.unsubscribe(room);
    });
  }

  history(room: string, after: Position | undefined, limit: PageLimit): HistoryPage | Promise<HistoryPage> {
    return this.answer(() => this.inner.history(room, after, limit));
  }

  acknowledge(room: string, userId: string, position: Position): void {
    this.inner.acknowledge(room, userId, position);
  }

  acknowledged(room: string, userId: string): Position | undefined {
    return this.inner.acknowledged(room, userId);
  }

  ping(): Promise<void> {
    return this.inner.ping();
  }

  /** Comes back empty: every room begins a new history. */
  forget(): void {
    this.inner.onApplicationShutdown();
    this.inner = this.make();
    for (const room of this.subscribed) this.inner.subscribe(room);
  }

  stop(): void {
    this.inner.onApplicationShutdown();
  }

  private make(): MemoryBroker {
    const broker = new MemoryBroker(this.options, this.rules);
    broker.listen({
      onPublication: (room, epoch, publication) => {
        // A lost delivery only counts where the offsets can show it: a volatile one has none to be missed by.
        if (publication.offset !== undefined && this.losing > 0) {
          this.losing -= 1;
          return;
        }
        const times = publication.offset !== undefined && this.doubling > 0 ? 2 : 1;
        if (times === 2) this.doubling -= 1;
        for (let n = 0; n < times; n += 1)
          this.answerSoon(() => this.listener?.onPublication(room, epoch, publication));
      },
    });
    return broker;
  }

  private answerSoon(action: () => void): void {
    if (this.late) setImmediate(action);
    else action();
  }

  private answer<T>(action: () => T): T | Promise<T> {
    if (!this.late) return action();
    return new Promise<T>((resolve) => {
      setImmediate(() => resolve(action()));
    });
  }
}
