import { Injectable } from '@nestjs/common';

import type { MaybePromise } from '../broker/broker.js';
import type { PublishResult } from '../broker/publication.js';
import { RoomsService } from '../rooms/rooms.service.js';

/** How many members acknowledged, of how many. */
export interface Confirmation {
  readonly confirmed: number;
  readonly members: number;
}

/** One publisher that waits. */
class Waiter {
  private offset = Infinity;
  private finish: (() => void) | undefined;
  private readonly acknowledged = new Map<string, number>();

  constructor(private readonly members: ReadonlySet<string>) {}

  take(connectionId: string, offset: number): void {
    if (!this.members.has(connectionId)) return;
    this.acknowledged.set(connectionId, Math.max(offset, this.acknowledged.get(connectionId) ?? 0));
    if (this.isComplete) this.finish?.();
  }

  /** Resolves when every member has acknowledged the offset, or when the time is over. */
  async wait(offset: number, timeoutMs: number): Promise<void> {
    this.offset = offset;
    if (this.isComplete) return;
    let timer: NodeJS.Timeout | undefined;
    await new Promise<void>((resolve) => {
      this.finish = resolve;
      timer = setTimeout(resolve, timeoutMs).unref();
    });
    clearTimeout(timer);
  }

  count(): Confirmation {
    let confirmed = 0;
    for (const offset of this.acknowledged.values()) if (offset >= this.offset) confirmed += 1;
    return { confirmed, members: this.members.size };
  }

  private get isComplete(): boolean {
    const { confirmed, members } = this.count();
    return confirmed === members;
  }
}

/** Publishers that wait until their message's members have acknowledged it, or for a time. */
@Injectable()
export class Confirmations {
  private readonly waiters = new Map<string, Set<Waiter>>();

  constructor(private readonly rooms: RoomsService) {}

  /**
   * Publishes, and waits for the members. Counting begins before the publish: a member may acknowledge before the
   * publisher hears that the broker has accepted.
   *
   * @param publisher the connection that does not get the message
   */
  async waitFor<T extends PublishResult>(
    room: string,
    publisher: string | undefined,
    timeoutMs: number,
    publish: () => MaybePromise<T>,
  ): Promise<T & Confirmation> {
    const members = new Set(this.rooms.members(room).map(({ clientId }) => clientId));
    if (publisher !== undefined) members.delete(publisher);
    const waiter = new Waiter(members);
    this.add(room, waiter);
    try {
      const accepted = await publish();
      const { epoch = '', offset = 0, duplicate } = accepted;
      // Of a message that was published before, members may have spoken before this publisher asked.
      if (duplicate) for (const id of this.rooms.acknowledgedBy(room, { epoch, offset })) waiter.take(id, offset);
      await waiter.wait(offset, timeoutMs);
      return { ...accepted, ...waiter.count() };
    } finally {
      this.remove(room, waiter);
    }
  }

  /** A member has dealt with everything up to the offset. */
  acknowledged(room: string, connectionId: string, offset: number): void {
    for (const waiter of this.waiters.get(room) ?? []) waiter.take(connectionId, offset);
  }

  private add(room: string, waiter: Waiter): void {
    const waiters = this.waiters.get(room);
    if (waiters === undefined) this.waiters.set(room, new Set([waiter]));
    else waiters.add(waiter);
  }

  private remove(room: string, waiter: Waiter): void {
    const waiters = this.waiters.get(room);
    waiters?.delete(waiter);
    if (waiters?.size === 0) this.waiters.delete(room);
  }
}
