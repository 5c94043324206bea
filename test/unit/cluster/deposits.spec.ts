import { jest } from '@jest/globals';

import { Deposits } from '../../../src/cluster/deposits.js';

beforeEach(() => jest.useFakeTimers());

afterEach(() => jest.useRealTimers());

describe('Deposits', () => {
  it('are collected once', () => {
    const deposits = new Deposits();
    deposits.add('a', 'text', 1000);
    expect(deposits.collect('b')).toBeUndefined();
    expect(deposits.collect('a')).toBe('text');
    expect(deposits.collect('a')).toBeUndefined();
  });

  it('are good until their time is over', () => {
    const deposits = new Deposits();
    for (const name of ['a', 'b']) deposits.add(name, name, 1000);
    jest.advanceTimersByTime(999);
    expect(deposits.collect('a')).toBe('a');
    jest.advanceTimersByTime(1);
    expect(deposits.collect('b')).toBeUndefined();
  });
});
