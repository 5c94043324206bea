import { Batch } from '../../../src/broker/redis/batch.js';

const failWithTwo = (items: readonly number[]): Promise<number[]> =>
  items.includes(2) ? Promise.reject(new Error('away')) : Promise.resolve([...items]);

describe('a batch', () => {
  it('asks at the end of a turn for everything that was added in it, up to its limit at a time', async () => {
    const asked: number[][] = [];
    const ask = async (items: readonly number[]): Promise<number[]> => {
      asked.push([...items]);
      return items.map((item) => item * 2);
    };
    const batch: Batch<number, number> = new Batch(2, ask, () => setImmediate(() => batch.flush()));
    expect(await Promise.all([1, 2, 3].map((item) => batch.add(item)))).toEqual([2, 4, 6]);
    expect(await batch.add(4)).toBe(8);
    expect(asked).toEqual([[1, 2], [3], [4]]);
  });

  it('rejects all that failed together, and nothing else', async () => {
    const batch: Batch<number, number> = new Batch(2, failWithTwo, () => setImmediate(() => batch.flush()));
    const outcomes = await Promise.allSettled([1, 2, 3].map((item) => batch.add(item)));
    expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'fulfilled']);
  });
});
