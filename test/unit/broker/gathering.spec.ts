import { BrokerUnavailableError } from '../../../src/broker/broker.js';
import { GATHERING_MS, whenGathered } from '../../../src/broker/redis/gathering.js';

describe('whenGathered', () => {
  it('waits for as long as a room may gather, however short the timeout of Redis is', async () => {
    const startedAt = performance.now();
    const answer = await whenGathered(() => {
      return Promise.resolve(performance.now() - startedAt >= GATHERING_MS ? 'gathered' : undefined);
    }, 100);
    expect(answer).toBe('gathered');
  });

  it('refuses if the room gathers for longer', async () => {
    await expect(whenGathered(() => Promise.resolve(undefined), 0)).rejects.toBeInstanceOf(BrokerUnavailableError);
  });
});
