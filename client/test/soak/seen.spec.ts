import { breaksOf, disagreements, type Seen } from './seen.js';

const message = (offset: number, { epoch = 'e', id = '' } = {}): Seen => ({
  kind: 'message',
  epoch,
  offset,
  id: id === '' ? `${epoch}${offset}` : id,
});
const gap = (offset: number, epoch = 'e'): Seen => ({ kind: 'gap', epoch, offset, reason: 'expired' });

describe('the check of what a member has seen', () => {
  it.each([
    ['nothing', []],
    ['messages in a row', [message(7), message(8), message(9)]],
    ['messages after a gap', [message(1), gap(5), message(6)]],
    ['another epoch after a gap', [message(9), gap(0, 'f'), message(1, { epoch: 'f' })]],
    ['two gaps', [message(1), gap(5), gap(7), message(8)]],
    ['an epoch that the server took over', [message(1), message(2, { epoch: 'f' })]],
  ])('takes %s', (_what, seen) => {
    expect(breaksOf(seen)).toStrictEqual([]);
  });

  it.each([
    ['a loss', [message(1), message(3)]],
    ['a message twice', [message(1), message(1)]],
    ['the wrong order', [message(2), message(1)]],
    ['a loss after a gap', [gap(5), message(7)]],
    ['a message before the gap that comes after it', [gap(5), message(5)]],
    ['another epoch without a gap', [message(5), message(1, { epoch: 'f' })]],
    ['another epoch than that of the gap', [gap(5), message(6, { epoch: 'f' })]],
  ])('finds %s', (_what, seen) => {
    expect(breaksOf(seen)).toHaveLength(1);
  });

  it('finds two messages in one place', () => {
    const others = [[message(1), message(2)], [message(1)]];
    expect(disagreements(others)).toStrictEqual([]);
    expect(disagreements([...others, [message(2, { id: 'x' })]])).toHaveLength(1);
  });
});
