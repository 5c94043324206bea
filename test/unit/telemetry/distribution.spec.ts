import { Distribution } from '../../../src/telemetry/distribution.js';

describe('Distribution', () => {
  it('counts each value at its bound, and what is above all of them last', () => {
    const distribution = new Distribution([1, 2]);
    for (const value of [0.5, 1, 1.5, 3]) distribution.observe(value);
    expect(distribution).toMatchObject({ counts: [2, 1, 1], sum: 6, count: 4 });
  });

  it('takes many observations of one value at once', () => {
    const distribution = new Distribution([1, 2]);
    distribution.observe(1.5, 1000);
    expect(distribution).toMatchObject({ counts: [0, 1000, 0], sum: 1500, count: 1000 });
  });
});
