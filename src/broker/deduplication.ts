import type { PublishRequest, PublishResult } from './publication.js';

interface Remembered {
  readonly result: PublishResult;
  readonly at: number;
}

/**
 * What was published under an id, for a window of time. Ids of different users and rooms do not meet. Both bounds
 * take the oldest first, which is the order in which a Map keeps its keys.
 */
export class Deduplication {
  private readonly remembered = new Map<string, Remembered>();

  /**
   * @param windowMs how long an id is remembered; 0 remembers none
   * @param maxIds how many at most; 0 for no bound
   * @param onDropped called for each id that is dropped within its window
   */
  constructor(
    private readonly windowMs: number,
    private readonly maxIds: number,
    private readonly onDropped: () => void,
  ) {}

  get size(): number {
    return this.remembered.size;
  }

  /** The result of the first publish under this id, if the window still covers it. */
  find(request: PublishRequest, now: number): PublishResult | undefined {
    const key = keyOf(request);
    if (key === undefined) return undefined;
    const found = this.remembered.get(key);
    return found !== undefined && now - found.at < this.windowMs ? found.result : undefined;
  }

  remember(request: PublishRequest, result: PublishResult, now: number): void {
    const key = keyOf(request);
    if (key === undefined || this.windowMs === 0) return;
    this.remembered.delete(key);
    this.remembered.set(key, { result, at: now });
    this.forget(now);
  }

  forget(now: number): void {
    for (const [key, { at }] of this.remembered) {
      const isDue = now - at >= this.windowMs;
      const crowded = this.maxIds > 0 && this.remembered.size > this.maxIds;
      if (!crowded && !isDue) return;
      this.remembered.delete(key);
      if (!isDue) this.onDropped();
    }
  }
}

/** No part can hold a line end: room names, user ids and ids are free of control characters. */
function keyOf({ room, from = '', id }: PublishRequest): string | undefined {
  return id === undefined ? undefined : `${room}\n${from}\n${id}`;
}
