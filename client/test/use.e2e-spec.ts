import { eventually } from '../../test/support/eventually.js';
import { dataOf } from '../../test/support/messages.js';
import { startServer } from '../../test/support/server.js';
import { collect, rookery } from './support/rookery.js';

describe('a client of a server', () => {
  it('joins a room, and gets what is published there, its own included, once and in order', async () => {
    const server = await startServer();
    const alice = rookery(server);
    const bob = rookery(server, { user: 'bob' });
    const [one, other] = [alice.room('chat:1'), bob.room('chat:1')];
    const [seenByAlice, seenByBob] = [collect(one), collect(other)];
    await Promise.all([one.join(), other.join()]);

    for (let round = 0; round < 20; round += 1) {
      await Promise.all([one.publish(`a${round}`), other.publish(`b${round}`), one.publish(`c${round}`)]);
    }
    await eventually(
      () => [seenByAlice.length, seenByBob.length],
      ([first, second]) => first === 60 && second === 60,
    );
    expect(dataOf(seenByAlice)).toEqual(dataOf(seenByBob));
    expect(seenByAlice.map(({ offset }) => offset)).toEqual(seenByAlice.map((_message, index) => index + 1));
    expect(seenByAlice.map(({ from, id, epoch }) => [from, id, epoch])).toEqual(
      seenByBob.map(({ from, id, epoch }) => [from, id, epoch]),
    );
  });

  it('publishes what was published before there was a connection', async () => {
    const server = await startServer();
    const alice = rookery(server, { autoConnect: false });
    const room = alice.room('chat:1');
    const seen = collect(room);
    const joined = room.join();
    const published = room.publish('early');
    expect(alice.state).toBe('closed');
    await alice.connect();
    expect(await joined).toMatchObject({ room: 'chat:1', offset: 0 });
    expect(await published).toMatchObject({ offset: 1 });
    expect(dataOf(seen)).toEqual(['early']);
  });
});
