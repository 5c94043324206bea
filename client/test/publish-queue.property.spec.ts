import * as fc from 'fast-check';

import { createPublishQueue } from '../src/publish-queue.js';

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

describe('a publish queue', () => {
  it('keeps its bounds and its order, and turns away by its policy and only when it must', () => {
    fc.assert(
      fc.property(bounds, acts, (limits, list) => {
        const queue = createPublishQueue<Item>(limits);
        let model: { item: Item; sent: boolean }[] = [];
        const bytesOf = (entries: typeof model): number => entries.reduce((sum, { item }) => sum + item.bytes, 0);
        for (const [id, { act, n }] of list.entries()) {
          const chosen = model[n % Math.max(1, model.length)];
          if (act === 'add') {
            const item = { id, bytes: n };
            const turnedAway = queue.add(item);
            const kept = model.filter((entry) => !turnedAway.includes(entry.item));
            if (turnedAway.includes(item)) {
              expect(turnedAway).toEqual([item]);
              const spared = limits.overflow === 'reject-new' ? model : model.filter(({ sent }) => sent);
              expect(spared.length >= limits.maxMessages || bytesOf(spared) + n > limits.maxBytes).toBe(true);
            } else {
              // The oldest went, and no more of them than had to.
              expect(turnedAway).toEqual(
                model.flatMap(({ item: other, sent }) => (sent ? [] : [other])).slice(0, turnedAway.length),
              );
              if (turnedAway.length > 0) {
                const last = turnedAway.at(-1)?.bytes ?? 0;
                expect(kept.length + 1 >= limits.maxMessages || bytesOf(kept) + last + n > limits.maxBytes).toBe(true);
              }
              model = [...kept, { item, sent: false }];
            }
          } else if (act === 'send') {
            const next = queue.next();
            expect(next).toBe(model.find(({ sent }) => !sent)?.item);
            if (next !== undefined) queue.mark(next, true);
            for (const entry of model) if (entry.item === next) entry.sent = true;
          } else if (chosen !== undefined && act === 'resend') {
            queue.mark(chosen.item, false);
            chosen.sent = false;
          } else if (chosen !== undefined) {
            queue.remove(chosen.item);
            model = model.filter((entry) => entry !== chosen);
          }
          expect(queue.all()).toEqual(model.map(({ item }) => item));
          expect(queue.all().length).toBeLessThanOrEqual(limits.maxMessages);
          expect(queue.bytes()).toBe(bytesOf(model));
          expect(queue.bytes()).toBeLessThanOrEqual(limits.maxBytes);
        }
      }),
      { numRuns: 3000 },
    );
  });
});
