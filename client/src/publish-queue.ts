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
export function createPublishQueue<Item extends Queued>(bounds: QueueBounds) {
  /** With whether each was sent; in order. */
  const items = new Map<Item, boolean>();
  let totalBytes = 0;

  /**
   * Puts a message at the end.
   *
   * @returns who has to go for that: others, the message itself, or nobody
   */
  function add(item: Item): Item[] {
    const { maxMessages, maxBytes, overflow } = bounds;
    const dropped: Item[] = [];
    let { size } = items;
    let bytes = totalBytes;
    const fits = (): boolean => size < maxMessages && bytes + item.bytes <= maxBytes;
    if (overflow === 'drop-oldest') {
      for (const [other, sent] of items) {
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
    for (const other of dropped) remove(other);
    items.set(item, false);
    totalBytes += item.bytes;
    return dropped;
  }

  /** The first message that is to be sent. */
  function next(): Item | undefined {
    for (const [item, sent] of items) if (!sent) return item;
    return undefined;
  }

  function mark(item: Item, sent: boolean): void {
    if (items.has(item)) items.set(item, sent);
  }

  function isSent(item: Item): boolean {
    return items.get(item) === true;
  }

  /** It is done with. */
  function remove(item: Item): void {
    if (items.delete(item)) totalBytes -= item.bytes;
  }

  function all(): Item[] {
    return [...items.keys()];
  }

  return { add, next, mark, isSent, remove, all, bytes: () => totalBytes };
}

export type PublishQueue<Item extends Queued> = ReturnType<typeof createPublishQueue<Item>>;
