import type { JoinedPayload } from '../../src/protocol/messages.js';
import { join, type TestClient } from '../support/client.js';
import { eventually } from '../support/eventually.js';
import { offsetsOf, publish, range, receive } from '../support/messages.js';
import { startServer, type TestServer } from '../support/server.js';

const bob = { claims: { sub: 'bob' } };

/** A member of `r` who has got ten messages, and the epoch they are of. */
async function memberOfTen(server: TestServer): Promise<{ member: TestClient; epoch: string }> {
  const member = await join(server, bob, 'r');
  const [ack] = await publish(await join(server), 'r', range(1, 10));
  await receive(member, 'r', 10);
  return { member, epoch: ack?.epoch ?? '' };
}

async function resume(client: TestClient, room = 'r'): Promise<JoinedPayload> {
  return (await client.request('join', { room, recover: 'last' })).payload as JoinedPayload;
}

describe('a member’s acknowledgement', () => {
  it('is where the user goes on, on any device', async () => {
    const server = await startServer();
    const { member, epoch } = await memberOfTen(server);
    const receipt = { room: 'r', epoch, offset: 6 };
    expect(await member.request('ack', receipt)).toMatchObject({ type: 'ack', payload: receipt });
    await member.close();
    const laptop = await join(server, bob);
    expect(await resume(laptop)).toEqual({ ...receipt, recovered: true });
    expect(offsetsOf(await receive(laptop, 'r', 4))).toEqual(range(7, 10));
    await laptop.settle();
    expect(laptop.queue).toEqual([]);
  });

  it('covers everything before it: an earlier one changes nothing', async () => {
    const server = await startServer();
    const { member, epoch } = await memberOfTen(server);
    for (const offset of [3, 8, 5, 8, 0]) await member.request('ack', { room: 'r', epoch, offset });
    expect(await resume(await join(server, bob))).toMatchObject({ offset: 8, recovered: true });
  });

  it('is the user’s alone', async () => {
    const server = await startServer();
    const { member, epoch } = await memberOfTen(server);
    await member.request('ack', { room: 'r', epoch, offset: 6 });
    const carol = await join(server, { claims: { sub: 'carol' } });
    expect(await resume(carol)).toEqual({ room: 'r', epoch, offset: 10, recovered: false, reason: 'expired' });
  });

  it('is kept for as long as the room’s history', async () => {
    const server = await startServer({ rooms: [{ pattern: 'r', historyTtlMs: 50 }] });
    const { member, epoch } = await memberOfTen(server);
    await member.request('ack', { room: 'r', epoch, offset: 10 });
    const device = await join(server, bob);
    await eventually(
      async () => {
        const { reason } = await resume(device);
        await device.request('leave', 'r');
        return reason;
      },
      (reason) => reason === 'expired',
    );
  });

  it('says what is lost when the room has gone on past it', async () => {
    const server = await startServer({ historySize: 3 });
    const { member, epoch } = await memberOfTen(server);
    await member.request('ack', { room: 'r', epoch, offset: 6 });
    const device = await join(server, bob);
    expect(await resume(device)).toMatchObject({ offset: 7, recovered: false, reason: 'trimmed' });
    expect(offsetsOf(await receive(device, 'r', 3))).toEqual([8, 9, 10]);
  });

  it('helps nobody who may not read history', async () => {
    const server = await startServer();
    const { member, epoch } = await memberOfTen(server);
    await member.request('ack', { room: 'r', epoch, offset: 6 });
    const limited = await join(server, { claims: { sub: 'bob', rooms: [{ pattern: 'r', can: ['join'] }] } });
    expect(await resume(limited)).toMatchObject({ offset: 10, recovered: false, reason: 'forbidden' });
    await limited.settle();
    expect(limited.queue).toEqual([]);
  });

  it('is for members', async () => {
    const server = await startServer();
    const { member, epoch } = await memberOfTen(server);
    const refused = { type: 'error', payload: { code: 'NOT_JOINED' } };
    await member.request('leave', 'r');
    expect(await member.request('ack', { room: 'r', epoch, offset: 6 })).toMatchObject(refused);
    expect(await member.request('ack', { room: 'nowhere', epoch, offset: 0 })).toMatchObject(refused);
    expect(await resume(member)).toMatchObject({ recovered: false, reason: 'expired' });
  });

  it('is of a position that the room has reached', async () => {
    const server = await startServer();
    const { member, epoch } = await memberOfTen(server);
    for (const receipt of [
      { room: 'r', epoch, offset: 11 },
      { room: 'r', epoch: 'of-another-life', offset: 1 },
      { room: 'r', epoch, offset: -1 },
      { room: 'r', offset: 1 },
    ]) {
      expect(await member.request('ack', receipt)).toMatchObject({
        type: 'error',
        payload: { code: 'INVALID_PAYLOAD' },
      });
    }
    expect(await resume(await join(server, bob))).toMatchObject({ recovered: false, reason: 'expired' });
  });

  it('is answered only when it asks for it', async () => {
    const server = await startServer();
    const { member, epoch } = await memberOfTen(server);
    member.send('ack', { room: 'r', epoch, offset: 6 });
    await member.settle();
    expect(member.queue).toEqual([]);
    expect(await resume(await join(server, bob))).toMatchObject({ offset: 6, recovered: true });
  });
});
