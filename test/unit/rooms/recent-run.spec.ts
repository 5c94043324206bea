import * as fc from 'fast-check';

import type { NumberedPublication } from '../../../src/broker/publication.js';
import { RecentRun } from '../../../src/rooms/recent-run.js';

const LIMIT = { count: 3, bytes: 30 };

const publication = (offset: number, length = 1): NumberedPublication => ({
  id: String(offset),
  data: 'x'.repeat(length),
  timestamp: offset,
  offset,
});

function runOf(after: number, ...lengths: number[]): RecentRun {
  const run = new RecentRun('e', after, LIMIT, () => undefined);
  for (const [index, length] of lengths.entries()) run.add(publication(after + 1 + index, length));
  return run;
}

describe('the recent messages of a room', () => {
  it('leads from any position in it to its end, in pages within the limits, with each message once', () => {
    const lengths = fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 12 });
    fc.assert(
      fc.property(fc.nat(50), lengths, fc.nat(100), (after, sizes, start) => {
        const run = runOf(after, ...sizes);
        const from = after + (start % sizes.length);
        const read: number[] = [];
        for (let at = from; at < run.end;) {
          const page = run.pageAfter(at);
          if (page === undefined) throw new Error('a page');
          expect(page.after).toBe(at);
          const bytes = page.publications.reduce((sum, { data }) => sum + data.length, 0);
          expect(page.publications.length).toBeLessThanOrEqual(LIMIT.count);
          expect(page.publications.length === 1 || bytes <= LIMIT.bytes).toBe(true);
          read.push(...page.publications.map(({ offset }) => offset));
          at = page.publications.at(-1)?.offset ?? Infinity;
        }
        expect(read).toEqual(Array.from({ length: run.end - from }, (_none, index) => from + 1 + index));
      }),
    );
  });

  it('gives the same page to all who are at one position, until another message is added to it', () => {
    const run = runOf(7, 1, 1);
    const page = run.pageAfter(7);
    expect(run.pageAfter(7)).toBe(page);
    run.add(publication(10));
    expect(run.pageAfter(7)?.publications.map(({ offset }) => offset)).toEqual([8, 9, 10]);
    const full = run.pageAfter(7);
    run.add(publication(11));
    expect(run.pageAfter(7)?.publications).toEqual(full?.publications);
  });

  it('has no page for a position before or after it, and ignores messages that do not follow', () => {
    const run = runOf(7, 1, 1);
    run.add(publication(11));
    run.add(publication(8));
    expect(run.end).toBe(9);
    expect([run.pageAfter(6), run.pageAfter(9), run.pageAfter(10)]).toEqual([undefined, undefined, undefined]);
  });
});
