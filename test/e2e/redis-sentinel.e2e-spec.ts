import { Traffic } from '../chaos/traffic.js';
import { NODE_OPTIONS, ready } from '../support/cluster.js';
import { BUSY_MS, eventually } from '../support/eventually.js';
import { stopReplication } from '../support/redis-cluster.js';
import { Seeded } from '../support/seeded.js';
import { startSentinels, type Sentinels } from '../support/sentinels.js';
import { startServer, type TestServer } from '../support/server.js';

interface Scene {
  readonly sentinels: Sentinels;
  readonly nodes: readonly TestServer[];
  readonly traffic: Traffic;
}

async function setTheScene(): Promise<Scene> {
  const sentinels = await startSentinels();
  const options = {
    ...NODE_OPTIONS,
    redisUrl: 'redis://unused',
    redisSentinels: sentinels.addresses,
    redisSentinelName: sentinels.name,
    rateLimit: 0,
  };
  const nodes = [await startServer(options), await startServer(options)];
  const random = new Seeded(1);
  const pick = (bound: number): number => random.below(bound);
  const address = (): string => nodes[pick(nodes.length)]?.ws ?? '';
  const rooms = ['r1', 'r2'];
  const traffic = await Traffic.start({ rooms, members: 4, publishers: 2, lines: 4, pauseMs: 10, address, pick });
  await traffic.goesOn(100);
  return { sentinels, nodes, traffic };
}

describe('nodes whose Redis is named by sentinels', () => {
  it('go on with the replica that takes over, and give it what it did not have', async () => {
    const { sentinels, nodes, traffic } = await setTheScene();
    const { master, replica } = sentinels;
    await stopReplication(master);
    await traffic.goesOn(50);
    await master.kill();
    await sentinels.promoted(replica);
    await ready(...nodes);
    await traffic.goesOn(200);
    await traffic.end();
    expect(await traffic.verdict()).toEqual([]);
    expect(traffic.losses).toEqual([]);
  });

  it('leave a master that hung and was replaced, when it comes back', async () => {
    const { sentinels, nodes, traffic } = await setTheScene();
    const { master, replica } = sentinels;
    master.pause();
    await sentinels.promoted(replica);
    // For a moment there are two of them, and the old one takes what it will lose when it is told.
    master.resume();
    await ready(...nodes);
    await traffic.goesOn(200);
    await traffic.end();
    expect(await traffic.verdict()).toEqual([]);
  });

  it('leave a master that is replaced though it is well within a second, and lose nothing', async () => {
    const { sentinels, nodes, traffic } = await setTheScene();
    const { master, replica } = sentinels;
    await sentinels.askOne(0, 'SENTINEL', 'FAILOVER', sentinels.name);
    await sentinels.promoted(replica);
    // Sentinels tell the old one after ten seconds: until then it would take everything.
    const left = performance.now();
    await eventually(
      async () => String(await master.command('CLIENT', 'LIST')),
      (clients) => !clients.includes('name=rookery-'),
    );
    expect(performance.now() - left).toBeLessThan(1000 + BUSY_MS);
    expect(String(await master.command('ROLE'))).toContain('master');
    await ready(...nodes);
    await traffic.goesOn(200);
    await traffic.end();
    expect(await traffic.verdict()).toEqual([]);
    expect(traffic.losses).toEqual([]);
  });
});
