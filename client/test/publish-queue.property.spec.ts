import * as fc from 'fast-check';

import { createPublishQueue, type QueueBounds } from '../src/publish-queue.js';
import { counterexample, need } from './support/counterexample.js';

interface Item {
  readonly id: number;
  readonly bytes: number;
}

const bounds = fc.record({
  maxMessages: fc.integer({ min: 1, max: 6 }),
  maxBytes: fc.integer({ min: 1, max: 100 }),
  overflow: fc.constantFrom('reject-new' as const, 'drop-oldest' as const),
});
const acts = fc.array(
  fc.oneof(
    fc.record({ act: fc.constant('add' as const), n: fc.integer({ min: 1, max: 120 }) }),
    fc.record({ act: fc.constantFrom('send', 'resend', 'done'), n: fc.nat(5) }),
  ),
  { maxLength: 60 },
);

interface Entry {
  readonly item: Item;
  sent: boolean;
}

const bytesOf = (entries: readonly Entry[]): number => entries.reduce((sum, { item }) => sum + item.bytes, 0);

/** What a message that was turned away, or turned others away, had to find. */
function checkPolicy(model: readonly Entry[], item: Item, turnedAway: readonly Item[], limits: QueueBounds): void {
  const { maxMessages, maxBytes, overflow } = limits;
  const isFull = (entries: readonly Entry[], more = 0): boolean =>
    entries.length + Math.sign(more) >= maxMessages || bytesOf(entries) + more + item.bytes > maxBytes;
  if (turnedAway.includes(item)) {
    const spared = overflow === 'reject-new' ? model : model.filter(({ sent }) => sent);
    need(turnedAway.length === 1, 'others went in vain');
    need(isFull(spared), 'turned away without need');
    return;
  }
  const unsent = model.flatMap(({ item: other, sent }) => (sent ? [] : [other]));
  need(
    turnedAway.every((other, index) => other === unsent[index]),
    'not the oldest went',
  );
  const kept = model.filter((entry) => !turnedAway.includes(entry.item));
  need(turnedAway.length === 0 || isFull(kept, turnedAway.at(-1)?.bytes), 'one too many went');
}

describe('a publish queue', () => {
  it('keeps its bounds and its order, and turns away by its policy and only when it must', () => {
    const property = fc.property(bounds, acts, (limits, list) => {
      const queue = createPublishQueue<Item>(limits);
      let model: Entry[] = [];
      for (const [id, { act, n }] of list.entries()) {
        const chosen = model[n % Math.max(1, model.length)];
        if (act === 'add') {
          const item = { id, bytes: n };
          const turnedAway = queue.add(item);
          checkPolicy(model, item, turnedAway, limits);
          model = model.filter((entry) => !turnedAway.includes(entry.item));
          if (!turnedAway.includes(item)) model.push({ item, sent: false });
        } else if (act === 'send') {
          const next = queue.next();
          const first = model.find(({ sent }) => !sent);
          need(next === first?.item, 'not the first one comes first');
          if (next !== undefined) queue.mark(next, true);
          if (first !== undefined) first.sent = true;
        } else if (chosen !== undefined && act === 'resend') {
          queue.mark(chosen.item, false);
          chosen.sent = false;
        } else if (chosen !== undefined) {
          queue.remove(chosen.item);
          model = model.filter((entry) => entry !== chosen);
        }
        const all = queue.all();
        need(all.length === model.length && all.every((item, index) => item === model[index]?.item), 'another order');
        need(all.length <= limits.maxMessages && queue.bytes() <= limits.maxBytes, 'out of bounds');
        need(queue.bytes() === bytesOf(model), 'miscounted');
      }
    });
    expect(counterexample(property, 3000)).toBeUndefined();
  });
});
