import { setImmediate as turn } from 'node:timers/promises';

import { startApplication } from '../support/application.js';
import { join, type TestClient } from '../support/client.js';
import { LaterBroker } from '../support/later.broker.js';
import { publish, range, receive } from '../support/messages.js';
import { Seeded } from '../support/seeded.js';
import type { TestServer } from '../support/server.js';

const FOLLOWERS = 8;
const ROUNDS = 12;

/** Publishes without a pause until it is told to stop; answers with the head. */
async function publishUntil(stopped: () => boolean, publisher: TestClient): Promise<number> {
  let head = 0;
  while (!stopped()) {
    const acks = await publish(publisher, 'r', range(head + 1, head + 20));
    head = acks.at(-1)?.offset ?? NaN;
  }
  return head;
}

/** Enters and leaves again and again, each time from where it was; returns every offset that it got. */
async function follow(server: TestServer, userId: string, epoch: string, random: Seeded): Promise<number[]> {
  const offsets: number[] = [];
  let client = await join(server, { claims: { sub: userId } });
  const take = (messages: readonly { readonly offset?: number }[]): void => {
    for (const { offset = NaN } of messages) offsets.push(offset);
  };
  for (let round = 0; round < ROUNDS; round += 1) {
    const reply = await client.request('join', { room: 'r', recover: { epoch, offset: offsets.length } });
    expect(reply.payload).toMatchObject({ offset: offsets.length, recovered: true });
    take(await receive(client, 'r', 1 + random.below(150)));
    if (random.below(2) === 0) {
      await client.request('leave', 'r');
      take(client.takeAll('room:message').map(({ payload }) => payload as { offset: number }));
    } else {
      // Some go without a word; what was on its way to them is still to come.
      client.socket.terminate();
      client = await join(server, { claims: { sub: userId } });
    }
    for (let pause = random.below(20); pause > 0; pause -= 1) await turn();
  }
  await client.request('join', { room: 'r', recover: { epoch, offset: offsets.length } });
  take(await receive(client, 'r', 100));
  expect(client.takeAll('room:gap')).toEqual([]);
  return offsets;
}

describe('a recovery goes over to live messages at exactly one point', () => {
  it.each([
    ['the embedded broker', 1, undefined],
    ['the embedded broker', 2, undefined],
    ['a broker that answers later', 3, LaterBroker],
  ])('while somebody publishes without a pause, on %s (seed %i)', async (_name, seed, broker) => {
    const options = { rateLimit: 0, historySize: 1_000_000 };
    const server = await startApplication({ options, ...(broker && { overrides: { broker } }) });
    const publisher = await join(server);
    const { payload } = await publisher.request('history', { room: 'r' });
    let stopped = false;
    const head = publishUntil(() => stopped, publisher);
    const followers = range(1, FOLLOWERS).map((n) =>
      follow(server, `follower-${n}`, String(payload.epoch), new Seeded(seed * 1000 + n)),
    );
    const followed = await Promise.all(followers).finally(() => (stopped = true));

    const last = await head;
    for (const offsets of followed) {
      expect(offsets).toEqual(range(1, offsets.length));
      expect(last).toBeGreaterThanOrEqual(offsets.length);
    }
  });
});
