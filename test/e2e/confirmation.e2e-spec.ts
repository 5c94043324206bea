import type { AckPayload } from '../../src/protocol/messages.js';
import { join, type TestClient } from '../support/client.js';
import { expectOnly, receive, send } from '../support/messages.js';
import { startServer, type TestServer } from '../support/server.js';

/** Longer than a test waits for anything: an answer that comes does not come by the time. */
const LONG_MS = 60_000;

function members(server: TestServer, ...users: readonly string[]): Promise<TestClient[]> {
  return Promise.all(users.map((sub) => join(server, { claims: { sub } }, 'r')));
}

/** The member says that it has dealt with the next message that it gets. */
async function confirmNext(member: TestClient, epoch: string): Promise<void> {
  const [message] = await receive(member, 'r', 1);
  await member.request('ack', { room: 'r', epoch, offset: message?.offset });
}

async function epochOf(client: TestClient): Promise<string> {
  const { payload } = await client.request('history', { room: 'r', limit: 1 });
  return String(payload.epoch);
}

const asking = (timeoutMs: number): object => ({ room: 'r', data: 'important', confirm: { timeoutMs } });

describe('publishing with confirm', () => {
  it('is answered when every member has acknowledged', async () => {
    const server = await startServer();
    const [bob, carol] = (await members(server, 'bob', 'carol')) as [TestClient, TestClient];
    const alice = await join(server);
    const epoch = await epochOf(alice);
    const ack = send(alice, asking(LONG_MS));
    await confirmNext(bob, epoch);
    await confirmNext(carol, epoch);
    expect(await ack).toMatchObject({ room: 'r', epoch, offset: 1, confirmed: 2, members: 2 });
  });

  it('is answered when the time is over with how many had by then', async () => {
    const server = await startServer();
    const [bob] = (await members(server, 'bob', 'carol', 'dave')) as [TestClient];
    const alice = await join(server);
    const epoch = await epochOf(alice);
    let ack: AckPayload | undefined;
    do {
      // On a busy machine bob may be late once.
      const answer = send(alice, asking(300));
      await confirmNext(bob, epoch);
      ack = await answer;
    } while (ack.confirmed === 0);
    expect(ack).toMatchObject({ confirmed: 1, members: 3 });
  });

  it('counts the members there were, not the one that publishes', async () => {
    const server = await startServer();
    const alice = await join(server, {}, 'r');
    expect(await send(alice, asking(LONG_MS))).toMatchObject({ confirmed: 0, members: 0 });
    const [bob] = (await members(server, 'bob')) as [TestClient];
    const ack = send(alice, asking(LONG_MS));
    await confirmNext(bob, await epochOf(bob));
    expect(await ack).toMatchObject({ confirmed: 1, members: 1 });
  });

  it('takes the acknowledgement of a later message for this one too', async () => {
    const server = await startServer();
    const [bob] = (await members(server, 'bob')) as [TestClient];
    const alice = await join(server);
    const other = await join(server);
    const epoch = await epochOf(alice);
    const ack = send(alice, asking(LONG_MS));
    await receive(bob, 'r', 1);
    await send(other, { room: 'r', data: 'later' });
    await confirmNext(bob, epoch);
    expect(await ack).toMatchObject({ offset: 1, confirmed: 1 });
  });

  it('does not take the acknowledgement of an earlier message for this one', async () => {
    const server = await startServer();
    const [bob] = (await members(server, 'bob')) as [TestClient];
    const alice = await join(server);
    const { epoch } = await send(alice, { room: 'r', data: 'earlier' });
    const ack = send(alice, asking(200));
    await receive(bob, 'r', 2);
    await bob.request('ack', { room: 'r', epoch, offset: 1 });
    expect(await ack).toMatchObject({ offset: 2, confirmed: 0, members: 1 });
  });

  it('holds up nothing but the answers of its own connection', async () => {
    const server = await startServer();
    const [bob] = (await members(server, 'bob')) as [TestClient];
    const alice = await join(server);
    alice.send('room:message', asking(LONG_MS), 'waiting');
    alice.send('room:message', { room: 'r', data: 'next' }, 'next');
    await expectOnly(bob, 'r', ['important', 'next']);
    expect(await send(await join(server), { room: 'r', data: 'another’s' })).toMatchObject({ offset: 3 });
    // Answers keep the order of the requests.
    expect(alice.queue).toEqual([]);
    await bob.request('ack', { room: 'r', epoch: await epochOf(bob), offset: 1 });
    expect(await alice.next('ack')).toMatchObject({ requestId: 'waiting', payload: { confirmed: 1, members: 1 } });
    expect(await alice.next('ack')).toMatchObject({ requestId: 'next', payload: { offset: 2 } });
  });

  it('repeated with the same id counts who had acknowledged the first one', async () => {
    const server = await startServer();
    const [bob] = (await members(server, 'bob')) as [TestClient];
    const phone = await join(server);
    const message = { ...asking(LONG_MS), id: 'x' };
    phone.send('room:message', message, 'never answered');
    const epoch = await epochOf(bob);
    await confirmNext(bob, epoch);
    const laptop = await join(server);
    expect(await send(laptop, message)).toMatchObject({ offset: 1, duplicate: true, confirmed: 1, members: 1 });
  });

  it.each([
    [{ timeoutMs: 0 }, 'confirm.timeoutMs'],
    [{ timeoutMs: 60_001 }, 'confirm.timeoutMs'],
    [{}, 'confirm.timeoutMs'],
    [true, 'confirm'],
  ])('refuses %j', async (confirm, field) => {
    const alice = await join(await startServer());
    expect(await alice.request('room:message', { room: 'r', data: 1, confirm })).toMatchObject({
      type: 'error',
      payload: { code: 'INVALID_PAYLOAD', details: { field } },
    });
  });

  it('is refused for a volatile message, which has no position', async () => {
    const alice = await join(await startServer());
    expect(await alice.request('room:message', { ...asking(100), volatile: true })).toMatchObject({
      type: 'error',
      payload: { code: 'INVALID_PAYLOAD', details: { field: 'confirm' } },
    });
  });
});
