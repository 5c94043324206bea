import type { AckPayload } from '../../src/protocol/messages.js';
import { join, type TestClient } from '../support/client.js';
import { knowsOthers, NODE_OPTIONS, startAcquaintedNodes } from '../support/cluster.js';
import { BUSY_MS } from '../support/eventually.js';
import { receive, send } from '../support/messages.js';
import { plainClient } from '../support/plain-client.js';
import { startProcess } from '../support/process.js';
import { startRedis } from '../support/redis.js';
import { SECRET, startServer, tokenFor, type TestServer } from '../support/server.js';

/** Longer than a test waits for anything: an answer that comes does not come by the time. */
const LONG_MS = 60_000;
const SHORT_MS = 1000;
/** Long enough for one acknowledgement on a busy machine, too short for a node to be taken for dead. */
const HANG_MS = 4000;

const asking = (timeoutMs: number): object => ({ room: 'r', data: 'important', confirm: { timeoutMs } });

async function twoNodes(): Promise<readonly [TestServer, TestServer]> {
  const [one, two] = await startAcquaintedNodes(await startRedis(), 2);
  if (one === undefined || two === undefined) throw new Error('two nodes');
  return [one, two];
}

const member = (node: TestServer, sub: string): Promise<TestClient> => join(node, { claims: { sub } }, 'r');

/** The member says that it has dealt with the next message that it gets. */
async function confirmNext(client: TestClient): Promise<void> {
  const [message] = await receive(client, 'r', 1);
  const { epoch } = (await client.request('join', 'r')).payload as { epoch: string };
  await client.request('ack', { room: 'r', epoch, offset: message?.offset });
}

describe('publishing with confirm, over nodes', () => {
  it('is answered when the members of all nodes have acknowledged', async () => {
    const [one, two] = await twoNodes();
    const members = await Promise.all([member(one, 'a'), member(two, 'b'), member(two, 'c')]);
    const publisher = await join(one, {}, 'r');
    const ack = send(publisher, asking(LONG_MS));
    for (const each of members) await confirmNext(each);
    expect(await ack).toMatchObject({ offset: 1, confirmed: 3, members: 3 });
    expect(await ack).not.toHaveProperty('partial');
    const last = members.at(-1);
    for (const each of members) if (each !== last) await each.request('leave', 'r');
    const second = send(publisher, asking(LONG_MS));
    await confirmNext(last ?? publisher);
    expect(await second).toMatchObject({ offset: 2, confirmed: 1, members: 1 });
  });

  it('is answered when the time is over with how many had by then, on all nodes', async () => {
    const [one, two] = await twoNodes();
    const [, bob] = await Promise.all([member(one, 'a'), member(two, 'b'), member(two, 'c')]);
    const publisher = await join(one);
    let ack: AckPayload | undefined;
    do {
      // On a busy machine bob, or the other node's answer, may be late once.
      const answer = send(publisher, asking(SHORT_MS));
      await confirmNext(bob);
      ack = await answer;
    } while (ack.confirmed === 0);
    expect(ack).toMatchObject({ confirmed: 1, members: 3 });
    expect(ack).not.toHaveProperty('partial');
  });

  it('waits for nobody who joined after the message, and counts who acknowledged before it was asked', async () => {
    const [one, two] = await twoNodes();
    const [bob] = [await member(two, 'b')];
    const publisher = await join(one);
    const message = { room: 'r', data: 'important', id: 'x' };
    await send(publisher, message);
    await confirmNext(bob);
    for (const node of [one, two]) await member(node, 'late');
    const again = await send(publisher, { ...message, confirm: { timeoutMs: LONG_MS } });
    expect(again).toMatchObject({ offset: 1, duplicate: true, confirmed: 1, members: 1 });
  });

  it('is answered in time where a node hangs, and says so', async () => {
    const redis = await startRedis();
    const node = await startServer({ ...NODE_OPTIONS, redisUrl: redis.url });
    const hanging = startProcess({ REDIS_URL: redis.url, JWT_SECRET: SECRET });
    const address = `ws://127.0.0.1:${await hanging.port()}/ws?token=${tokenFor({ sub: 'far' })}`;
    await (await plainClient(address)).request('join', 'r');
    await knowsOthers(node, 1);
    const near = await member(node, 'near');
    const publisher = await join(node);
    hanging.kill('SIGSTOP');
    const startedAt = performance.now();
    const ack = send(publisher, asking(HANG_MS));
    await confirmNext(near);
    expect(await ack).toMatchObject({ confirmed: 1, members: 1, partial: true });
    expect(performance.now() - startedAt).toBeLessThan(HANG_MS + BUSY_MS);
  });
});
