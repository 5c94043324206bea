import { join, type TestClient } from '../support/client.js';
import { eventually } from '../support/eventually.js';
import { hostileFrame } from '../support/hostile-frames.js';
import { openRaw, type RawClient } from '../support/raw-client.js';
import { Seeded } from '../support/seeded.js';
import { startServer, tokenFor } from '../support/server.js';

/** `npm run test:soak` asks for more. */
const FRAMES = Number(process.env['SOAK_FRAMES'] ?? 2000);
const BATCH = 50;
const PATIENCE_MS = 1_800_000;

/** Messages go from one chatting client to the other while `until` has not come; returns how many. */
async function chat(from: TestClient, to: TestClient, until: () => boolean): Promise<number> {
  let sent = 0;
  while (!until()) {
    const text = `message ${(sent += 1)}`;
    const ack = await from.request('room:message', { room: 'chat', data: text });
    const message = await to.next('room:message');
    expect(ack.payload).toMatchObject({ offset: sent });
    expect(message.payload).toMatchObject({ room: 'chat', data: text, offset: sent });
  }
  return sent;
}

async function sendAll(attacker: RawClient, random: Seeded): Promise<void> {
  for (let sent = 0; sent < FRAMES; sent += BATCH) {
    attacker.socket.write(Buffer.concat(Array.from({ length: BATCH }, () => hostileFrame(random))));
    // Each batch is dealt with before the next, so that it is the frames that are tested and not the socket’s buffers.
    attacker.sendJson({ type: 'ping', requestId: `batch ${sent}` });
    await eventually(
      () => attacker.socket.closed || attacker.socket.received.includes(`"requestId":"batch ${sent}"`),
      (done) => done,
    );
    expect(attacker.socket.closed).toBe(false);
    attacker.forget();
  }
}

describe('random, broken and hostile frames, by the thousand,', () => {
  it.each([1, 20_261_123])(
    'on one connection leave it open, and another one chatting undisturbed (seed %i)',
    async (seed) => {
      const server = await startServer({ rateLimit: 0, maxOffences: 0 });
      const grants = { rooms: ['chat'] };
      const alice = await join(server, { claims: grants }, 'chat');
      const bob = await join(server, { claims: { sub: 'bob', ...grants } }, 'chat');
      const token = tokenFor({ sub: 'mallory', rooms: ['x', '__proto__'] });
      const attacker = await openRaw(server, { target: `/ws?token=${token}` });
      let done = false;
      const attack = sendAll(attacker, new Seeded(seed)).finally(() => (done = true));
      const [, messages] = await Promise.all([attack, chat(alice, bob, () => done)]);

      expect(messages).toBeGreaterThan(FRAMES / 100);
      expect(bob.takeAll('broadcast')).toEqual([]);
      expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
    },
    PATIENCE_MS,
  );

  it('under the usual limits end with a close code that says so', async () => {
    const server = await startServer();
    const attacker = await openRaw(server);
    const random = new Seeded(7);
    for (let sent = 0; sent < FRAMES && !attacker.socket.closed; sent += 10) {
      attacker.socket.write(Buffer.concat(Array.from({ length: 10 }, () => hostileFrame(random))));
      await new Promise(setImmediate);
    }

    expect([4400, 4429]).toContain(await attacker.closeCode());
  });
});
