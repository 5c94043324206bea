import type { MaybePromise } from '../broker/broker.js';

/** A reply that is sent when all earlier ones are. */
interface Slot {
  send: (() => void) | undefined;
}

/**
 * The requests of one connection that did not end at once. They begin one after the other, each when the one before
 * has taken effect; replies go out in the order of the requests. Made for the first request that has to wait, so that
 * a connection without one has no lane.
 */
export class RequestLane {
  private readonly waiting: (() => MaybePromise<void>)[] = [];
  private readonly slots: Slot[] = [];
  private working = false;

  /**
   * @param maxReplies how many replies may be outstanding before further requests wait
   */
  constructor(private readonly maxReplies: number) {}

  /** True when a new request may begin at once. */
  get isFree(): boolean {
    return !this.working && this.waiting.length === 0 && this.slots.length < this.maxReplies;
  }

  /** True when nothing is in progress and the lane can be thrown away. */
  get isIdle(): boolean {
    return this.isFree && this.slots.length === 0;
  }

  get length(): number {
    return this.waiting.length;
  }

  /** Begins the request when those before it have taken effect. */
  enqueue(begin: () => MaybePromise<void>): void {
    this.waiting.push(begin);
    this.proceed();
  }

  /** Holds up further requests until the promise settles. It must not reject. */
  hold(until: Promise<void>): void {
    this.working = true;
    void until.then(() => {
      this.working = false;
      this.proceed();
    });
  }

  /** Keeps a place among the replies; the function returned fills it. */
  reserve(): (send: () => void) => void {
    const slot: Slot = { send: undefined };
    this.slots.push(slot);
    return (send) => {
      slot.send = send;
      this.sendReady();
    };
  }

  private sendReady(): void {
    let ready = 0;
    for (const { send } of this.slots) {
      if (send === undefined) break;
      send();
      ready += 1;
    }
    this.slots.splice(0, ready);
    this.proceed();
  }

  private proceed(): void {
    while (!this.working && this.slots.length < this.maxReplies) {
      const begin = this.waiting.shift();
      if (begin === undefined) return;
      const effect = begin();
      if (effect instanceof Promise) this.hold(effect);
    }
  }
}
