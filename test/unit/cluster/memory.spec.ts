import { jest } from '@jest/globals';

import { Memory } from '../../../src/cluster/memory.js';

const START = 1_800_000_000_000;
const HOUR_MS = 3_600_000;

function memoryWith(ttlMs: number): Memory {
  jest.useFakeTimers({ now: START });
  const memory = new Memory();
  memory.add('fact', 7, START + ttlMs);
  return memory;
}

afterEach(() => {
  jest.useRealTimers();
});

describe('what every node knows for a time', () => {
  it('is forgotten after it', () => {
    const memory = memoryWith(HOUR_MS);
    jest.advanceTimersByTime(HOUR_MS - 1);
    memory.forgetExpired();
    expect(memory.find('fact')).toBe(7);
    jest.advanceTimersByTime(1);
    expect(memory.find('fact')).toBeUndefined();
    memory.forgetExpired();
    jest.setSystemTime(START);
    expect(memory.find('fact')).toBeUndefined();
  });

  it('is not forgotten while the clock is ahead by mistake', () => {
    const memory = memoryWith(HOUR_MS);
    jest.setSystemTime(START + 2 * HOUR_MS);
    expect(memory.find('fact')).toBe(7);
    memory.forgetExpired();
    jest.setSystemTime(START);
    expect(memory.find('fact')).toBe(7);
  });

  it('is known for as long as a token lives on after the clock has gone back', () => {
    const memory = memoryWith(HOUR_MS);
    jest.setSystemTime(START - HOUR_MS);
    jest.advanceTimersByTime(2 * HOUR_MS - 1);
    memory.forgetExpired();
    expect(memory.find('fact')).toBe(7);
    jest.advanceTimersByTime(1);
    expect(memory.find('fact')).toBeUndefined();
  });
});
