import { cpSync, rmSync } from 'node:fs';
import { join as path } from 'node:path';

import type { Position } from '../../src/protocol/position.js';
import { connectAgain, join } from '../support/client.js';
import { publishSafely, ready, startNodes } from '../support/cluster.js';
import { eventually } from '../support/eventually.js';
import type { TestRedis } from '../support/redis.js';
import { gapOf, positionOf, startCluster, upTo, type Cluster } from '../support/pair-of-nodes.js';

/** Copies the files of a Redis. The function that is returned puts the copy in their place. */
function backUp({ directory }: TestRedis): () => void {
  const files = path(directory, 'appendonlydir');
  const copy = path(directory, 'copy');
  cpSync(files, copy, { recursive: true });
  return () => {
    rmSync(files, { recursive: true });
    cpSync(copy, files, { recursive: true });
  };
}

/** What a promotion of a replica that was behind comes to: a state that once was, in another run. */
async function loseTheEnd(
  { redis, publisher, members }: Cluster,
  meanwhile: () => unknown = () => undefined,
): Promise<{ before: Position; after: Position }> {
  const [member] = members;
  for (const n of [1, 2]) await publishSafely(publisher, 'r', n, `i${n}`);
  await upTo(member, 2);
  const before = await positionOf(member);
  const restore = backUp(redis);
  for (const n of [3, 4, 5]) await publishSafely(publisher, 'r', n, `i${n}`);
  await upTo(member, 5);
  const after = await positionOf(member);
  await redis.kill();
  restore();
  await meanwhile();
  if (!redis.isRunning) await redis.launch();
  return { before, after };
}

/** Publishes a message and restarts Redis with it. The function that is returned puts the files of then in place. */
async function restartWithCopy({ redis, one, two, members, publisher }: Cluster): Promise<{
  before: Position;
  restore: () => void;
}> {
  const [member] = members;
  await publishSafely(publisher, 'r', 1, 'i1');
  await upTo(member, 1);
  const before = await positionOf(member);
  await redis.kill();
  const restore = backUp(redis);
  await redis.launch();
  await ready(one, two);
  return { before, restore };
}

describe('when Redis restarts empty', () => {
  it('nodes give back a room whose messages they have all seen', async () => {
    const { redis, one, two, members, publisher } = await startCluster();
    for (const n of [1, 2]) await publishSafely(publisher, 'r', n, `i${n}`);
    const [member] = members;
    await upTo(member, 2);
    const position = await positionOf(member);
    await redis.restart();
    await ready(one, two);
    await publishSafely(publisher, 'r', 3, 'i3');
    expect(await upTo(member, 3)).toEqual([3]);
    for (const { payload } of member.takeAll('room:gap')) expect(payload).toMatchObject({ recovered: true });
    const back = await connectAgain(two);
    const joined = await back.request('join', { room: 'r', recover: { ...position, offset: 1 } });
    expect(joined.payload).toMatchObject({ recovered: true });
    expect(await upTo(back, 3)).toEqual([2, 3]);
  });

  it('nodes give back all epochs of a room', async () => {
    const { redis, one, two, members, publisher } = await startCluster();
    for (const n of [1, 2, 3]) {
      await publishSafely(publisher, 'r', n, `i${n}`);
      for (const member of members) await upTo(member, n);
      await redis.restart();
      await ready(one, two);
    }
    await publishSafely(publisher, 'r', 4, 'i4');
    for (const member of members) await upTo(member, 4);
    const { epoch, offset } = await positionOf(members[0]);
    expect(offset).toBe(4);
    const back = await connectAgain(two);
    const joined = await back.request('join', { room: 'r', recover: { epoch, offset: 0 } });
    expect(joined.payload).toMatchObject({ recovered: true });
    expect(await upTo(back, 4)).toEqual([1, 2, 3, 4]);
  });

  it('a room that no node remembers begins anew, and nobody recovers what is gone', async () => {
    const { redis, one, two, members, publisher } = await startCluster();
    await publishSafely(publisher, 'r', 1, 'i1');
    const [member] = members;
    await upTo(member, 1);
    const position = await positionOf(member);
    await Promise.all([one.stop(), two.stop()]);
    await redis.restart();
    const [fresh] = await startNodes(redis, 1);
    if (fresh === undefined) throw new Error('a node');
    await publishSafely(await join(fresh), 'r', 2, 'i2');
    const back = await connectAgain(fresh);
    const joined = await back.request('join', { room: 'r', recover: position });
    expect(joined.payload).toMatchObject({ recovered: false, reason: 'epoch', offset: 0 });
    expect(await upTo(back, 2)).toEqual([2]);
  });
});

describe('when everything is deleted while Redis runs', () => {
  it('members are told, and it stays deleted', async () => {
    const { redis, two, members, publisher } = await startCluster();
    await publishSafely(publisher, 'r', 1, 'i1');
    const [member] = members;
    await upTo(member, 1);
    const position = await positionOf(member);
    await redis.command('FLUSHALL');
    for (const each of members) {
      const { payload } = await gapOf(each);
      expect(payload).toMatchObject({ offset: 0, reason: 'epoch' });
      expect(payload.epoch).not.toBe(position.epoch);
      expect(payload).not.toHaveProperty('recovered');
    }
    await publishSafely(publisher, 'r', 2, 'i2');
    for (const each of members) expect(await upTo(each, 2)).toContain(2);
    const back = await connectAgain(two);
    const joined = await back.request('join', { room: 'r', recover: position });
    expect(joined.payload).toMatchObject({ recovered: false, reason: 'epoch', offset: 0 });
    expect(await upTo(back, 2)).toEqual([2]);
  });
});

describe('when Redis comes back without the end of the history', () => {
  it('nodes give back what they have seen, under the numbers that it had', async () => {
    const cluster = await startCluster({ persistent: true });
    const { one, two, members, publisher } = cluster;
    const { before, after } = await loseTheEnd(cluster);
    await ready(one, two);
    for (const n of [6, 7]) await publishSafely(publisher, 'r', n, `i${n}`);
    const [first, second] = members;
    expect(await upTo(first, 7)).toEqual([6, 7]);
    expect(await upTo(second, 7)).toEqual([1, 2, 3, 4, 5, 6, 7]);
    for (const member of members) {
      for (const { payload } of member.takeAll('room:gap')) expect(payload).toMatchObject({ recovered: true });
    }
    for (const position of [before, after]) {
      const back = await connectAgain(two);
      const joined = await back.request('join', { room: 'r', recover: position });
      expect(joined.payload).toMatchObject({ recovered: true, offset: position.offset });
      expect((await upTo(back, 7)).length).toBe(7 - position.offset);
    }
  });

  it('ids of what is given back are remembered with it', async () => {
    const cluster = await startCluster({ persistent: true });
    const { one, two, publisher } = cluster;
    const { after } = await loseTheEnd(cluster);
    await ready(one, two);
    expect((await publishSafely(publisher, 'r', 5, 'i5')).payload).toMatchObject({ ...after, duplicate: true });
  });

  it('a publish right after it waits for what nodes give back', async () => {
    const cluster = await startCluster({ persistent: true });
    const { redis, two, publisher } = cluster;
    // Sent again and again while Redis comes back: it gets there before anything is compared.
    const impatient = (): Promise<unknown> => Promise.all([publishSafely(publisher, 'r', 6, 'i6'), redis.launch()]);
    const { before } = await loseTheEnd(cluster, impatient);
    await publishSafely(publisher, 'r', 7, 'i7');
    await ready(two);
    const back = await connectAgain(two, { claims: { sub: 'away' } });
    const joined = await back.request('join', { room: 'r', recover: before });
    expect(joined.payload).toMatchObject({ recovered: true });
    expect(await upTo(back, 7)).toEqual([3, 4, 5, 6, 7]);
  });

  it('a whole epoch that is lost is given back, too', async () => {
    const cluster = await startCluster({ persistent: true });
    const { redis, one, two, members, publisher } = cluster;
    const { before, restore } = await restartWithCopy(cluster);
    // Redis has it in an epoch of its own, and loses it together with that.
    await publishSafely(publisher, 'r', 2, 'i2');
    for (const each of members) await upTo(each, 2);
    await redis.kill();
    restore();
    await redis.launch();
    await ready(one, two);
    await publishSafely(publisher, 'r', 3, 'i3');
    for (const each of members) await upTo(each, 3);
    const back = await connectAgain(two, { claims: { sub: 'away' } });
    const joined = await back.request('join', { room: 'r', recover: before });
    expect(joined.payload).toMatchObject({ recovered: true });
    expect(await upTo(back, 3)).toEqual([2, 3]);
  });

  it('nodes that joined in the epoch that is lost give it back', async () => {
    const cluster = await startCluster({ persistent: true });
    const { redis, one, two, members } = cluster;
    const [member] = members;
    const { before, restore } = await restartWithCopy(cluster);
    await eventually(
      () => positionOf(member),
      ({ epoch }) => epoch !== before.epoch,
    );
    const [fresh] = await startNodes(redis, 1);
    if (fresh === undefined) throw new Error('a node');
    const newcomer = await join(fresh, { claims: { sub: 'm3' } }, 'r');
    const another = await join(fresh);
    await Promise.all([one.stop(), two.stop()]);
    await publishSafely(another, 'r', 2, 'i2');
    await upTo(newcomer, 2);
    await redis.kill();
    restore();
    await redis.launch();
    await ready(fresh);
    await publishSafely(another, 'r', 3, 'i3');
    expect(await upTo(newcomer, 3)).toEqual([3]);
    const back = await connectAgain(fresh, { claims: { sub: 'away' } });
    const joined = await back.request('join', { room: 'r', recover: before });
    expect(joined.payload).toMatchObject({ recovered: true });
    expect(await upTo(back, 3)).toEqual([2, 3]);
  });

  it('where no node remembers it, a position beyond goes on where the histories part, and one before is recovered', async () => {
    const cluster = await startCluster({ persistent: true });
    const { redis, one, two } = cluster;
    const { before, after } = await loseTheEnd(cluster, () => Promise.all([one.stop(), two.stop()]));
    const [fresh] = await startNodes(redis, 1);
    if (fresh === undefined) throw new Error('a node');
    const publisher = await join(fresh);
    for (const n of [6, 7, 8, 9]) await publishSafely(publisher, 'r', n, `j${n}`);
    const back = await connectAgain(fresh);
    const joined = await back.request('join', { room: 'r', recover: after });
    expect(joined.payload).toMatchObject({ recovered: false, reason: 'epoch', offset: before.offset });
    expect(await upTo(back, 9)).toEqual([6, 7, 8, 9]);
    const earlier = await connectAgain(fresh);
    const rejoined = await earlier.request('join', { room: 'r', recover: before });
    expect(rejoined.payload).toMatchObject({ recovered: true, offset: before.offset });
    expect(await upTo(earlier, 9)).toEqual([6, 7, 8, 9]);
  });
});
