import { NODE_OPTIONS, ready } from '../../test/support/cluster.js';
import { BUSY_MS, eventually } from '../../test/support/eventually.js';
import { dataOf, range } from '../../test/support/messages.js';
import { startRedis } from '../../test/support/redis.js';
import { startServer } from '../../test/support/server.js';
import { collect, rookery } from './support/rookery.js';

const OUTAGE_MS = 3000;
const INTERVAL_MS = 50;
const COUNT = 120;

const delay = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

describe('A client that publishes 20 messages a second while Redis is away for three seconds', () => {
  it('has them acknowledged soon after Redis is back, and every member gets each once and in order', async () => {
    const redis = await startRedis({ persistent: true });
    const server = await startServer({ ...NODE_OPTIONS, redisUrl: redis.url });
    const [alice, bob] = [rookery(server, { reconnect: {} }), rookery(server, { user: 'bob' })];
    const seen = collect(bob.room('r'));
    await Promise.all([alice.room('r').join(), bob.room('r').join()]);
    const acknowledgedAt: number[] = [];
    const publish = async (): Promise<void> => {
      for (const n of range(1, COUNT)) {
        void alice
          .room('r')
          .publish(n)
          .then(() => acknowledgedAt.push(performance.now()));
        await delay(INTERVAL_MS);
      }
    };
    const publishing = publish();
    await eventually(
      () => acknowledgedAt.length,
      (count) => count > 0,
    );
    await redis.kill();
    await delay(OUTAGE_MS);
    const before = acknowledgedAt.length;
    await redis.launch();
    await ready(server);
    const readyAt = performance.now();
    await publishing;
    await eventually(
      () => acknowledgedAt.length,
      (count) => count === COUNT,
    );
    await eventually(
      () => seen.length,
      (count) => count === COUNT,
    );
    expect(dataOf(seen)).toEqual(range(1, COUNT));
    expect((acknowledgedAt[before] ?? Infinity) - readyAt).toBeLessThan(2000 + BUSY_MS);
  });
});
