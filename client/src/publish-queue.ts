/** What a queue needs to know of what is in it. */
export interface Queued {
  readonly bytes: number;
}

export interface QueueBounds {
  readonly maxMessages: number;
  readonly maxBytes: number;
  readonly overflow: 'reject-new' | 'drop-oldest';
}

/**
 * Messages on their way, first in, first out, and bounded. A message stays until it is done with: one that was sent may
 * have to be sent again, and goes before what came after it then.
 */
export class PublishQueue<Item extends Queued> {
  /** With whether each was sent; in order. */
  private readonly items = new Map<Item, boolean>();
  private totalBytes = 0;

  constructor(private readonly bounds: QueueBounds) {}

  get size(): number {
    return this.items.size;
  }

  get bytes(): number {
    return this.totalBytes;
  }

  /**
   * Puts a message at the end.
   *
   * @returns who has to go for that: others, the message itself, or nobody
   */
  add(item: Item): Item[] {
    const { maxMessages, maxBytes, overflow } = this.bounds;
    const dropped: Item[] = [];
    let { size } = this.items;
    let bytes = this.totalBytes;
    const fits = (): boolean => size < maxMessages && bytes + item.bytes <= maxBytes;
    if (overflow === 'drop-oldest') {
      for (const [other, sent] of this.items) {
        if (fits()) break;
        // What was sent may have taken effect: it would be wrong to say that it is dropped.
        if (sent) continue;
        dropped.push(other);
        size -= 1;
        bytes -= other.bytes;
      }
    }
    // Nobody goes in vain.
    if (!fits()) return [item];
    for (const other of dropped) this.delete(other);
    this.items.set(item, false);
    this.totalBytes += item.bytes;
    return dropped;
  }

  /** The first message that is to be sent. */
  next(): Item | undefined {
    for (const [item, sent] of this.items) if (!sent) return item;
    return undefined;
  }

  markSent(item: Item): void {
    if (this.items.has(item)) this.items.set(item, true);
  }

  /** It has to be sent again. */
  markUnsent(item: Item): void {
    if (this.items.has(item)) this.items.set(item, false);
  }

  isSent(item: Item): boolean {
    return this.items.get(item) === true;
  }

  /** It is done with. */
  delete(item: Item): void {
    if (this.items.delete(item)) this.totalBytes -= item.bytes;
  }

  all(): Item[] {
    return [...this.items.keys()];
  }
}
