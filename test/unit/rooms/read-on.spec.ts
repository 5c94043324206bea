import * as fc from 'fast-check';

import type { NumberedPublication } from '../../../src/broker/publication.js';
import type { Position } from '../../../src/protocol/position.js';
import { arrivalOf, isLevel, isSame, readOn } from '../../../src/rooms/read-on.js';

const at = (epoch: string, offset: number): Position => ({ epoch, offset });

function publications(first: number, count: number): NumberedPublication[] {
  return Array.from({ length: count }, (_none, index) => ({
    id: String(first + index),
    data: '0',
    timestamp: 0,
    offset: first + index,
  }));
}

const positions = fc.record({ epoch: fc.constantFrom('e', 'f'), offset: fc.nat(20) });

describe('reading on over a page of history', () => {
  it('ends at the last message of the page', () => {
    expect(readOn({ head: at('e', 9), after: 3, publications: publications(4, 2) })).toEqual({
      start: at('e', 3),
      lost: undefined,
      publications: publications(4, 2),
      end: at('e', 5),
    });
  });

  it('stays where it is when there is nothing more', () => {
    const { start, end, lost } = readOn({ head: at('e', 9), after: 9, publications: [] });
    expect([start, end, lost]).toEqual([at('e', 9), at('e', 9), undefined]);
  });

  it('starts past what is lost, and says why', () => {
    const { start, end, lost } = readOn({
      head: at('e', 9),
      after: 6,
      publications: publications(7, 3),
      lost: 'expired',
    });
    expect([start, end, lost]).toEqual([at('e', 6), at('e', 9), 'expired']);
  });
});

describe('a reader and a room', () => {
  it('are level when the reader has all of the same history, and the same only when it has no more than that', () => {
    fc.assert(
      fc.property(positions, positions, (reader, room) => {
        const sameEpoch = reader.epoch === room.epoch;
        expect(isLevel(reader, room)).toBe(sameEpoch && reader.offset >= room.offset);
        expect(isSame(reader, room)).toBe(isLevel(reader, room) && isLevel(room, reader));
      }),
    );
  });
});

describe('a delivery', () => {
  it('is the next one, had already, or ahead', () => {
    expect(arrivalOf(at('e', 5), 'e', 6)).toBe('next');
    expect(arrivalOf(at('e', 5), 'e', 5)).toBe('seen');
    expect(arrivalOf(at('e', 5), 'e', 1)).toBe('seen');
    expect(arrivalOf(at('e', 5), 'e', 7)).toBe('ahead');
    expect(arrivalOf(at('e', 0), 'e', 1)).toBe('next');
  });

  it('of another history is ahead whatever its number', () => {
    for (const offset of [1, 5, 6, 7]) expect(arrivalOf(at('e', 5), 'f', offset)).toBe('ahead');
  });

  it('taken only when it is the next one leaves neither gap nor duplicate', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 12 })), (offsets) => {
        const taken: number[] = [];
        for (const offset of offsets) {
          const arrival = arrivalOf(at('e', taken.length), 'e', offset);
          if (arrival === 'next') taken.push(offset);
          expect(taken.includes(offset)).toBe(arrival !== 'ahead');
        }
        expect(taken).toEqual(taken.map((_offset, index) => index + 1));
      }),
    );
  });
});
