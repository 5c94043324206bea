import * as fc from 'fast-check';

import type { Broker } from '../../src/broker/broker.js';
import type { RookeryOptionsInput } from '../../src/config/rookery.options.js';

/** Messages that a room keeps. */
const MAX_HISTORY = 10;

/** Following the history page by page, whatever happens in between. */
export function pagingProperty(start: (options: RookeryOptionsInput) => Promise<{ readonly broker: Broker }>): void {
  it('a reader that follows pages of any size gets every message once and in order, or is told', async () => {
    const step = fc.oneof(
      { weight: 4, arbitrary: fc.record({ kind: fc.constant('publish' as const), room: fc.constantFrom('a', 'b') }) },
      {
        weight: 2,
        arbitrary: fc.record({
          kind: fc.constant('read' as const),
          room: fc.constantFrom('a', 'b'),
          count: fc.integer({ min: 1, max: 5 }),
        }),
      },
    );
    const rooms = Array.from({ length: MAX_HISTORY }, (_, n) => ({ pattern: `keep-${n + 1}:*`, historySize: n + 1 }));
    const { broker } = await start({ rooms });
    let runs = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { maxLength: 60 }),
        fc.integer({ min: 1, max: MAX_HISTORY }),
        async (steps, historySize) => {
          // Rooms of each run's own: a broker for each would be many at once.
          runs += 1;
          const nameOf = (room: string): string => `keep-${historySize}:${runs}${room}`;
          const readers = new Map([
            ['a', await broker.subscribe(nameOf('a'))],
            ['b', await broker.subscribe(nameOf('b'))],
          ]);
          const published = new Map([
            ['a', 0],
            ['b', 0],
          ]);
          for (const { room, ...action } of steps) {
            const count = published.get(room) ?? 0;
            if (action.kind === 'publish') {
              published.set(room, count + 1);
              const { offset } = await broker.publish({ room: nameOf(room), data: String(count + 1) });
              expect(offset).toBe(count + 1);
              continue;
            }
            const reader = readers.get(room) ?? { epoch: '', offset: -1 };
            const page = await broker.history(nameOf(room), reader, { count: action.count, bytes: 1_000_000 });
            expect(page.after > reader.offset).toBe(page.lost !== undefined);
            page.publications.forEach(({ offset, data }, index) => {
              expect(offset).toBe(page.after + 1 + index);
              expect(data).toBe(String(offset));
            });
            expect(page.publications.length).toBe(Math.min(action.count, count - page.after));
            readers.set(room, { ...page.head, offset: page.after + page.publications.length });
          }
        },
      ),
      { numRuns: 50 },
    );
  });
}
