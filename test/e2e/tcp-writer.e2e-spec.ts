import { TcpWriter, type WriteStrategy } from '../../src/connections/tcp-writer.js';
import { connect, join } from '../support/client.js';
import { offsetsOf, range, receive, send } from '../support/messages.js';
import { startServer, type TestServer } from '../support/server.js';
import { SMALL_OUTBOX, publishUntilFull, readUpTo } from '../support/stalled.js';

const NAMES = ['bob', 'carol', 'dave'];

/** Makes the next write past a stream fail like a version of Node whose handles want something else. */
function breakWriter(server: TestServer): void {
  writerOf(server).strategy = {
    write: () => {
      throw new TypeError('writeBuffer takes something else');
    },
  };
}

function writerOf(server: TestServer): { strategy: WriteStrategy | undefined } {
  const writer: unknown = server.app.get(TcpWriter, { strict: false });
  return writer as { strategy: WriteStrategy | undefined };
}

describe('writes past the streams of sockets', () => {
  it('A standalone server proves its way of writing past the streams at start', async () => {
    expect(writerOf(await startServer()).strategy).toHaveProperty('write');
  });

  it('A write that fails without warning ends one connection; its client recovers, and the others miss nothing', async () => {
    const server = await startServer();
    const publisher = await join(server);
    const members = await Promise.all(NAMES.map((sub) => join(server, { claims: { sub } }, 'r')));
    const { epoch, offset } = await send(publisher, { room: 'r', data: 'before' });
    for (const member of members) expect(offsetsOf(await receive(member, 'r', 1))).toEqual([1]);

    breakWriter(server);
    // The publisher is not in the room: the fan-out is the first to write.
    publisher.send('room:message', { room: 'r', data: 'the write fails' });
    const ended = await Promise.race([publisher, ...members].map((client) => client.closed));
    expect(ended.code).toBe(1006);

    const witness = await connect(server, { claims: { sub: 'erin' } });
    const joined = await witness.request('join', { room: 'r', recover: { epoch, offset } });
    expect(joined.payload).toMatchObject({ recovered: true });
    expect(offsetsOf(await receive(witness, 'r', 1))).toEqual([2]);
    await send(witness, { room: 'r', data: 'over the streams' });
    const left = members.filter(({ socket }) => socket.readyState === socket.OPEN);
    expect(left.length).toBeGreaterThanOrEqual(NAMES.length - 1);
    for (const member of left) expect(offsetsOf(await receive(member, 'r', 2))).toEqual([2, 3]);
  });

  it('Over the streams alone, a member that stops reading gets everything in order when it reads again', async () => {
    const server = await startServer({ ...SMALL_OUTBOX, historySize: 10_000 });
    const doomed = await join(server);
    breakWriter(server);
    doomed.send('ping', undefined, 'p');
    await doomed.closed;
    const publisher = await join(server);
    const slow = await join(server, { claims: { sub: 'slow' } }, 'r');
    slow.socket.pause();
    await publishUntilFull(server, publisher, 'r', 'slow');
    const { offset: last = NaN } = await send(publisher, { room: 'r', data: 'the last' });
    slow.socket.resume();
    const { messages, gaps } = await readUpTo(slow, last);
    expect(gaps).toEqual([]);
    expect(offsetsOf(messages)).toEqual(range(1, last));
  });
});
