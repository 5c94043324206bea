import * as fc from 'fast-check';

import type { Broker } from '../../src/broker/broker.js';
import type { RookeryOptionsInput } from '../../src/config/rookery.options.js';

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
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { maxLength: 60 }),
        fc.integer({ min: 1, max: 10 }),
        async (steps, historySize) => {
          const { broker } = await start({ historySize });
          const readers = new Map([
            ['a', await broker.subscribe('a')],
            ['b', await broker.subscribe('b')],
          ]);
          const published = new Map([
            ['a', 0],
            ['b', 0],
          ]);
          for (const { room, ...action } of steps) {
            const count = published.get(room) ?? 0;
            if (action.kind === 'publish') {
              published.set(room, count + 1);
              expect((await broker.publish({ room, data: String(count + 1) })).offset).toBe(count + 1);
              continue;
            }
            const reader = readers.get(room) ?? { epoch: '', offset: -1 };
            const page = await broker.history(room, reader, { count: action.count, bytes: 1_000_000 });
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
