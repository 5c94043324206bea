import type { RookeryOptionsInput } from '../../src/index.js';
import { connect, join, type TestClient } from '../support/client.js';
import { eventually } from '../support/eventually.js';
import { range } from '../support/messages.js';
import { startServer, type TestServer } from '../support/server.js';

function startWithPresence(options: RookeryOptionsInput = {}): Promise<TestServer> {
  return startServer({
    presenceIntervalMs: 10,
    presenceGraceMs: 0,
    rooms: [{ pattern: 'p*', presence: true }],
    ...options,
  });
}

interface Person {
  client: TestClient;
  readonly clientId: string;
}

async function person(server: TestServer, sub: string, ...rooms: string[]): Promise<Person> {
  const client = await connect(server, { claims: { sub } });
  const { payload } = await client.next('connected');
  for (const room of rooms) await client.request('join', room);
  return { client, clientId: payload.clientId };
}

/** What a member has been told about users, up to and including the news about one of them. */
async function newsUntil(member: TestClient, type: string, userId: string): Promise<[string, string][]> {
  await eventually(
    () => member.queue,
    (queue) => queue.some((frame) => frame.type === type && frame.payload.userId === userId),
  );
  const frames = member.queue.filter((frame) => frame.type.startsWith('presence:'));
  const news = frames.map((frame) => [frame.type, String(frame.payload.userId)] satisfies [string, string]);
  member.queue.splice(0);
  return news;
}

describe('presence:joined and presence:left', () => {
  it('tell the members who comes and goes, and nobody of itself', async () => {
    const server = await startWithPresence();
    const alice = await person(server, 'alice', 'p');
    const bob = await person(server, 'bob', 'p');
    const about = { room: 'p', clientId: bob.clientId, userId: 'bob' };
    expect((await alice.client.next('presence:joined')).payload).toEqual(about);
    await bob.client.request('leave', 'p');
    expect((await alice.client.next('presence:left')).payload).toEqual(about);
    await bob.client.settle();
    // Who joined just before him may be news to him.
    expect(bob.client.queue.filter(({ payload }) => payload.userId === 'bob')).toEqual([]);
    expect(alice.client.queue).toEqual([]);
  });

  it.each(['a goodbye', 'none'])('tell of who goes with %s', async (goodbye) => {
    const server = await startWithPresence();
    const alice = await person(server, 'alice', 'p', 'p2');
    const bob = await person(server, 'bob', 'p', 'p2');
    // Who was never announced is not said to have left: each room tells of bob at a time of its own.
    for (let room = 0; room < 2; room += 1) {
      await alice.client.nextWhere(({ type, payload }) => type === 'presence:joined' && payload.userId === 'bob');
    }
    if (goodbye === 'none') bob.client.socket.terminate();
    else await bob.client.close();
    const rooms = [await alice.client.next('presence:left'), await alice.client.next('presence:left')];
    expect(new Set(rooms.map(({ payload }) => payload.room))).toEqual(new Set(['p', 'p2']));
  });

  it('go by user: from the first connection to the last', async () => {
    const server = await startWithPresence();
    const alice = await person(server, 'alice', 'p');
    const phone = await person(server, 'bob', 'p');
    expect((await alice.client.next('presence:joined')).payload.clientId).toBe(phone.clientId);
    const laptop = await person(server, 'bob', 'p');
    await phone.client.close();
    await person(server, 'carol', 'p');
    expect(await newsUntil(alice.client, 'presence:joined', 'carol')).toEqual([['presence:joined', 'carol']]);
    await laptop.client.close();
    // The one that the others know him by.
    expect((await alice.client.next('presence:left')).payload).toEqual({
      room: 'p',
      clientId: phone.clientId,
      userId: 'bob',
    });
  });

  it('do not flap while a user comes back within the grace', async () => {
    const server = await startWithPresence({ presenceGraceMs: 1500 });
    const alice = await person(server, 'alice', 'p');
    const bob = await person(server, 'bob', 'p');
    const carol = await person(server, 'carol', 'p');
    await newsUntil(alice.client, 'presence:joined', 'carol');
    for (let times = 0; times < 3; times += 1) {
      bob.client.socket.terminate();
      bob.client = (await person(server, 'bob', 'p')).client;
    }
    // Who goes later than bob did is told of: had bob been given up, that would have been told before.
    await carol.client.close();
    expect(await newsUntil(alice.client, 'presence:left', 'carol')).toEqual([['presence:left', 'carol']]);
  });

  it('tell who looked while a user was away that it is back, and nobody else', async () => {
    const server = await startWithPresence({ presenceGraceMs: 60_000 });
    const [watcher, other] = [await person(server, 'watcher', 'p'), await person(server, 'other', 'p')];
    const bob = await person(server, 'bob', 'p');
    for (const { client } of [watcher, other]) await newsUntil(client, 'presence:joined', 'bob');
    await bob.client.close();
    await eventually(
      async () => (await watcher.client.request('presence', 'p')).payload.members as { userId: string }[],
      (members) => members.every(({ userId }) => userId !== 'bob'),
    );
    await person(server, 'bob', 'p');
    await newsUntil(watcher.client, 'presence:joined', 'bob');
    await person(server, 'carol', 'p');
    expect(await newsUntil(other.client, 'presence:joined', 'carol')).toEqual([['presence:joined', 'carol']]);
  });

  it('say nothing of who was gone before anybody was told', async () => {
    const server = await startWithPresence({ presenceIntervalMs: 300, presenceGraceMs: 60_000 });
    const alice = await person(server, 'alice', 'p');
    const bob = await person(server, 'bob');
    bob.client.send('join', 'p');
    await bob.client.request('leave', 'p');
    await person(server, 'carol', 'p');
    expect(await newsUntil(alice.client, 'presence:joined', 'carol')).toEqual([['presence:joined', 'carol']]);
  });

  it('begin anew when everybody was gone', async () => {
    const server = await startWithPresence({ presenceGraceMs: 60_000 });
    const first = [await person(server, 'alice', 'p'), await person(server, 'bob', 'p')];
    for (const { client } of first) await client.close();
    await eventually(
      async () => (await (await join(server)).request('presence', 'p')).payload.size as number,
      (size) => size === 0,
    );
    const alice = await person(server, 'alice', 'p');
    await person(server, 'bob', 'p');
    expect(await newsUntil(alice.client, 'presence:joined', 'bob')).toEqual([['presence:joined', 'bob']]);
  });

  it('are for rooms whose rule turns them on', async () => {
    const server = await startWithPresence();
    const alice = await person(server, 'alice', 'quiet', 'p');
    const bob = await person(server, 'bob', 'quiet', 'p');
    const { payload } = await alice.client.next('presence:joined');
    await bob.client.close();
    const { payload: left } = await alice.client.next('presence:left');
    expect([payload.room, left.room]).toEqual(['p', 'p']);
    await alice.client.settle();
    expect(alice.client.queue).toEqual([]);
  });
});

describe('presence:changed', () => {
  it('stands for many at a time: each member told of each other one would be a square', async () => {
    const server = await startWithPresence({ presenceMaxEvents: 3, presenceIntervalMs: 1000 });
    const crowd = await Promise.all(range(1, 5).map((n) => person(server, `user-${n}`)));
    const alice = await person(server, 'alice', 'p');
    await Promise.all(crowd.map(({ client }) => client.request('join', 'p')));
    expect((await alice.client.next('presence:changed')).payload).toEqual({ room: 'p', size: 6 });
    expect(alice.client.queue).toEqual([]);
    // Who is there is known, so that going is told of.
    await crowd[0]?.client.close();
    expect((await alice.client.next('presence:left')).payload).toMatchObject({ userId: 'user-1' });
  });
});

describe('the presence request', () => {
  it('lists the members, each of their connections, by either form of payload', async () => {
    const server = await startServer();
    const people = [await person(server, 'alice', 'r'), await person(server, 'bob', 'r')];
    const other = await person(server, 'bob', 'r');
    const outsider = await person(server, 'carol');
    const members = [
      { clientId: people[0]?.clientId, userId: 'alice' },
      { clientId: people[1]?.clientId, userId: 'bob' },
      { clientId: other.clientId, userId: 'bob' },
    ];
    for (const payload of ['r', { room: 'r' }]) {
      const reply = await outsider.client.request('presence', payload);
      expect(reply).toMatchObject({ type: 'presence', payload: { room: 'r', size: 3, members } });
    }
    await other.client.request('leave', 'r');
    expect((await outsider.client.request('presence', 'r')).payload).toMatchObject({ size: 2 });
    expect((await outsider.client.request('presence', 'nowhere')).payload).toEqual({
      room: 'nowhere',
      size: 0,
      members: [],
    });
  });

  it('counts all members, and lists as many as the settings say', async () => {
    const server = await startServer({ presenceMaxMembers: 2 });
    const people = await Promise.all(range(1, 4).map((n) => person(server, `user-${n}`, 'r')));
    const { payload } = (await people[0]?.client.request('presence', 'r')) ?? {};
    expect(payload).toMatchObject({ size: 4 });
    expect(payload.members).toHaveLength(2);
  });

  it('takes the grant for it', async () => {
    const server = await startServer();
    const claims = { sub: 'bob', rooms: [{ pattern: 'r', can: ['join', 'publish', 'history'] }] };
    const bob = await join(server, { claims }, 'r');
    expect(await bob.request('presence', 'r')).toMatchObject({ type: 'error', payload: { code: 'FORBIDDEN' } });
  });
});
