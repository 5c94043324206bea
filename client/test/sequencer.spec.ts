import { MAX_REMEMBERED, SAME_MS, recall, type Memory } from '../src/memory.js';
import { createSequencer, type Numbered, type Repeated } from '../src/sequencer.js';
import { range } from '../../test/support/messages.js';

const own = (offset: number): Numbered => ({ from: 'me', id: `${offset}`, offset, timestamp: 0 });

describe('the memory of a room', () => {
  it('recognizes a message by its sender and id', () => {
    const memory: Memory = new Map();
    expect(recall(memory, { from: 'bob', id: 'a', timestamp: 1 }, false)).toBeUndefined();
    expect(recall(memory, { from: 'carol', id: 'a', timestamp: 1 }, false)).toBeUndefined();
    expect(recall(memory, { id: 'a', timestamp: 1 }, true)).toBeUndefined();
    expect(recall(memory, { from: 'bob', id: 'a', timestamp: 2 }, true)).toBe(false);
    expect(recall(memory, { id: 'a', timestamp: 2 }, false)).toBe(true);
  });

  it('takes an id for another message once the server may have forgotten the first one', () => {
    const memory: Memory = new Map();
    const daily = (timestamp: number): boolean | undefined =>
      recall(memory, { from: 'bob', id: 'a', timestamp }, false);
    expect(daily(0)).toBeUndefined();
    expect(daily(SAME_MS - 1)).toBe(false);
    expect(daily(SAME_MS)).toBeUndefined();
    expect(daily(SAME_MS * 2 - 1)).toBe(false);
  });

  it('is bounded, and forgets the oldest message first', () => {
    const memory: Memory = new Map();
    for (const n of range(0, MAX_REMEMBERED)) recall(memory, { id: `${n}`, timestamp: 0 }, false);
    expect(memory.size).toBe(MAX_REMEMBERED);
    expect(recall(memory, { id: '1', timestamp: 0 }, false)).toBe(false);
    expect(recall(memory, { id: '0', timestamp: 0 }, false)).toBeUndefined();
  });

  it('reports no message that comes back to its publisher after more acknowledgements than it holds', () => {
    const repeated: Repeated[] = [];
    const out: string[] = [];
    const sequencer = createSequencer<Numbered, string>(
      ({ message }) => message && out.push(message.id),
      (one) => repeated.push(one),
    );
    sequencer.joined({ epoch: 'e', offset: 0 });
    const offsets = range(1, MAX_REMEMBERED + 1);
    for (const offset of offsets) sequencer.publishing(`${offset}`, () => own(offset));
    for (const offset of offsets) sequencer.answered(`${offset}`, { epoch: 'e', offset });
    for (const offset of offsets) sequencer.received(own(offset), true);
    expect([out, repeated]).toEqual([offsets.map(String), []]);
  });
});

describe('the order of a room', () => {
  it('gives nothing more once the application has left the room on a message', () => {
    const out: string[] = [];
    const sequencer = createSequencer<Numbered, string>(
      ({ message }) => {
        if (message === undefined) return;
        out.push(message.id);
        sequencer.forget();
      },
      () => undefined,
    );
    sequencer.joined({ epoch: 'e', offset: 0 });
    sequencer.publishing('1', () => own(1));
    // It fills the hole, so that the client's own message comes first.
    sequencer.received({ from: 'bob', id: '2', offset: 2, timestamp: 0 }, false);
    expect([out, sequencer.position()]).toEqual([['1'], undefined]);
  });
});
