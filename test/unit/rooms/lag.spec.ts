import * as fc from 'fast-check';

import type { Publication } from '../../../src/broker/publication.js';
import { Lag, type Resumed } from '../../../src/rooms/lag.js';
import type { DropReason } from '../../../src/telemetry/telemetry.js';

const START = { epoch: 'e', offset: 10 };
const PLENTY = 1_000_000;

/** A message of so many characters; without an offset a volatile one. */
function message(offset: number | undefined, length = 1): Publication {
  const id = offset === undefined ? 'volatile' : `m${offset}`;
  return { id, data: 'x'.repeat(length), timestamp: 0, ...(offset === undefined ? {} : { offset }) };
}

function lagOf(overflow: 'drop-oldest' | 'keep-latest', maxBytes = PLENTY): { lag: Lag; drops: DropReason[] } {
  const drops: DropReason[] = [];
  return { lag: new Lag(overflow, START, maxBytes, (reason) => drops.push(reason)), drops };
}

/** `m11`, `volatile`, and gaps as `dropped>12`. */
function textOf(resumed: readonly Resumed[]): string[] {
  return resumed.map((step) =>
    'gap' in step ? `${step.reason}>${step.gap.epoch}${step.gap.offset}` : step.publication.id,
  );
}

describe('what waits for a member that lags', () => {
  it('is handed over whole when all of it fits', () => {
    const { lag, drops } = lagOf('drop-oldest');
    for (const offset of [11, 12, undefined, 13]) lag.add('e', message(offset));
    expect(textOf(lag.resume({ epoch: 'e', offset: 13 }))).toEqual(['m11', 'm12', 'volatile', 'm13']);
    expect(drops).toEqual([]);
  });

  it('goes on in the epoch that its room goes on in, with nothing lost', () => {
    const { lag } = lagOf('drop-oldest');
    lag.add('e', message(11));
    lag.goOn('f');
    lag.add('f', message(12));
    const resumed = lag.resume({ epoch: 'f', offset: 12 });
    expect(resumed[0]).toEqual({ gap: { epoch: 'f', offset: 10 }, reason: 'epoch', recovered: true });
    expect(textOf(resumed.slice(1))).toEqual(['m11', 'm12']);
  });

  it('by drop-oldest is the newest that fit, after a gap', () => {
    const { lag, drops } = lagOf('drop-oldest', 1000);
    for (const offset of [11, 12, 13, 14]) lag.add('e', message(offset, 200));
    expect(textOf(lag.resume({ epoch: 'e', offset: 14 }))).toEqual(['dropped>e12', 'm13', 'm14']);
    expect(drops).toEqual(['drop-oldest', 'drop-oldest']);
  });

  it('by drop-oldest is the newest one at least, however large', () => {
    const { lag } = lagOf('drop-oldest', 1000);
    lag.add('e', message(11));
    lag.add('e', message(12, 5000));
    expect(textOf(lag.resume({ epoch: 'e', offset: 12 }))).toEqual(['dropped>e11', 'm12']);
  });

  it('by keep-latest is the newest one', () => {
    const { lag, drops } = lagOf('keep-latest');
    for (const offset of [11, 12, 13]) lag.add('e', message(offset));
    expect(textOf(lag.resume({ epoch: 'e', offset: 13 }))).toEqual(['dropped>e12', 'm13']);
    expect(drops).toEqual(['keep-latest', 'keep-latest']);
  });

  it('needs no gap where only volatile messages are dropped', () => {
    const { lag, drops } = lagOf('keep-latest');
    lag.add('e', message(undefined));
    lag.add('e', message(11));
    expect(textOf(lag.resume({ epoch: 'e', offset: 11 }))).toEqual(['m11']);
    expect(drops).toHaveLength(1);
  });

  it('ends with a gap where the numbered ones gave way to a volatile one', () => {
    const { lag } = lagOf('keep-latest');
    lag.add('e', message(11));
    lag.add('e', message(undefined));
    expect(textOf(lag.resume({ epoch: 'e', offset: 11 }))).toEqual(['volatile', 'dropped>e11']);
  });

  it('goes over to another history by a gap', () => {
    const { lag } = lagOf('drop-oldest');
    lag.add('e', message(11));
    lag.add('f', message(3));
    expect(textOf(lag.resume({ epoch: 'f', offset: 3 }))).toEqual(['m11', 'epoch>f2', 'm3']);
    expect(textOf(lagOf('drop-oldest').lag.resume({ epoch: 'f', offset: 0 }))).toEqual(['epoch>f0']);
  });

  it('is nothing for who missed nothing', () => {
    expect(lagOf('drop-oldest').lag.resume(START)).toEqual([]);
  });
});

/** Takes the steps as a client does, which stands where the last one left it. */
function follow(resumed: readonly Resumed[]): { position: number; messages: Publication[]; problems: string[] } {
  const messages: Publication[] = [];
  const problems: string[] = [];
  let position = START.offset;
  for (const step of resumed) {
    if ('gap' in step) {
      if (step.gap.offset <= position) problems.push(`a gap from ${position} to ${step.gap.offset}`);
      position = step.gap.offset;
      continue;
    }
    const { offset } = step.publication;
    messages.push(step.publication);
    if (offset === undefined) continue;
    if (offset !== position + 1) problems.push(`${offset} after ${position}`);
    position = offset;
  }
  return { position, messages, problems };
}

describe('whatever is published while a member lags', () => {
  const sizes = fc.array(fc.record({ length: fc.nat(400), volatile: fc.boolean() }), { maxLength: 40 });

  it('each message is handed over in order, or counted as dropped, and each number missing is in a gap', () => {
    fc.assert(
      fc.property(fc.constantFrom('drop-oldest' as const, 'keep-latest' as const), sizes, (overflow, published) => {
        const { lag, drops } = lagOf(overflow, 1500);
        let head = START.offset;
        for (const { length, volatile } of published) lag.add('e', message(volatile ? undefined : (head += 1), length));
        const resumed = lag.resume({ epoch: 'e', offset: head });

        const { position, messages, problems } = follow(resumed);
        expect(problems).toEqual([]);
        expect(position).toBe(head);
        expect(messages.length + drops.length).toBe(published.length);
        const bytes = messages.reduce((sum, { data }) => sum + data.length, 0);
        expect(messages.length === 1 || bytes <= 1500).toBe(true);
      }),
      { numRuns: 500 },
    );
  });
});
