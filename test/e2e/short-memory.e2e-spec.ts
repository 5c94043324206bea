import { join, type TestClient } from '../support/client.js';
import { eventually } from '../support/eventually.js';
import { metric } from '../support/metrics.js';
import { startProcess } from '../support/process.js';
import { SECRET, type TestServer } from '../support/server.js';

/** Heap limit of the process. It takes about 35 MiB for itself. */
const HEAP_MIB = 96;
const MESSAGES = 80_000;
const AT_ONCE = 1000;
const ROOMS = 100;
const TEXT = 'x'.repeat(1000);

/** Publishes until far more than the heap would be history, and waits for each part to be acknowledged. */
async function flood(client: TestClient): Promise<void> {
  for (let sent = 0; sent < MESSAGES; sent += AT_ONCE) {
    for (let n = sent; n < sent + AT_ONCE; n += 1) {
      client.send('room:message', { room: `flood:${n % ROOMS}`, data: `${n} ${TEXT}` });
    }
    await client.settle();
  }
}

describe('a server whose settings allow more history than it has memory', () => {
  it('lives through a flood: it drops the oldest history, says so once, and tells who comes back', async () => {
    const child = startProcess({
      NODE_OPTIONS: `--max-old-space-size=${HEAP_MIB}`,
      JWT_SECRET: SECRET,
      DEFAULT_GRANTS: '*',
      RATE_LIMIT: '0',
      HISTORY_MAX_BYTES: String(1024 ** 3),
      HISTORY_SIZE: '100000',
    });
    const port = await child.port();
    const server = { port, http: `http://127.0.0.1:${port}`, ws: `ws://127.0.0.1:${port}/ws` } as TestServer;
    await eventually(child.output, (output) => /Memory for 1024 MiB of history, \d+ ids, .*grow to/.test(output));
    await eventually(child.output, (output) => output.includes('HISTORY_MAX_BYTES=1073741824 allows'));

    const member = await join(server, { claims: { sub: 'member' } }, 'flood:1');
    const guest = await join(server, { claims: { sub: 'guest' } });
    const { payload: seen } = await guest.request('join', 'flood:0');
    await guest.close();
    await flood(await join(server, { claims: { sub: 'publisher' } }));

    // Everybody is served, from memory as far as it goes.
    await eventually(
      () => member.queue.filter(({ type }) => type === 'room:message').length,
      (count) => count === MESSAGES / ROOMS,
    );
    expect(member.takeAll('room:gap')).toEqual([]);
    const back = await join(server, { claims: { sub: 'guest' } });
    const reply = await back.request('join', { room: 'flood:0', recover: { epoch: seen.epoch, offset: 0 } });
    expect(reply.payload).toMatchObject({ epoch: seen.epoch, recovered: false, reason: 'trimmed' });
    expect(await metric(server, 'forgotten_total{limit="memory"}')).toBeGreaterThan(0);
    expect(await metric(server, 'history_bytes')).toBeGreaterThan(0);
    expect(child.output().match(/Memory is short/g)).toHaveLength(1);
    expect(child.exitCode()).toBeNull();
  }, 300_000);
});
