import { eventually } from '../support/eventually.js';
import { plainClient } from '../support/plain-client.js';
import { TestRedis } from '../support/redis.js';
import { tokenFor } from '../support/server.js';
import { HANG_MS, MANY_TRIES_MS, allWorkers, startWorkers } from '../support/workers.js';

let redis: TestRedis;

beforeAll(async () => {
  redis = await TestRedis.start();
});

afterAll(() => redis.remove());

interface Answer {
  readonly status: number;
  readonly text: string;
}

/** An answer of whichever worker takes the connection; undefined where that one hangs. */
async function ask(port: number, path: string): Promise<Answer | undefined> {
  const signal = AbortSignal.timeout(HANG_MS);
  try {
    const response = await fetch(`http://127.0.0.1:${port}${path}`, { headers: { connection: 'close' }, signal });
    return { status: response.status, text: await response.text() };
  } catch {
    return undefined;
  }
}

/** Asks until there is an answer that fits: which worker takes a connection is chance. */
async function answer(port: number, path: string, fits: (found: Answer) => boolean = () => true): Promise<Answer> {
  const found = await eventually(
    () => ask(port, path),
    (one) => one !== undefined && fits(one),
    MANY_TRIES_MS,
  );
  return found ?? { status: 0, text: '' };
}

/** The values of a metric by worker. */
function byWorker(text: string, name: string): Map<string, number> {
  const lines = text.matchAll(new RegExp(String.raw`^${name}\{worker="(\d+)"\} (\S+)$`, 'gm'));
  return new Map(Array.from(lines, ([, worker = '', value]) => [worker, Number(value)]));
}

const sum = (values: Iterable<number>): number => [...values].reduce((total, value) => total + value, 0);

describe('several processes on one port', () => {
  it('are ready together or say which is not, and show the metrics of all in one scrape, under numbers that stay', async () => {
    const port = await startWorkers(redis).port();
    const [first = 0] = await allWorkers(port);
    const ready = await answer(port, '/health/ready', ({ status }) => status === 200);
    expect(JSON.parse(ready.text)).toMatchObject({ details: { workers: { status: 'up', ready: 2 } } });

    for (let n = 0; n < 6; n += 1) await plainClient(`ws://127.0.0.1:${port}/ws?token=${tokenFor({ sub: `u${n}` })}`);
    for (let scrape = 0; scrape < 4; scrape += 1) {
      // On a busy machine a worker may be late with its part once.
      const { text } = await answer(port, '/metrics', (found) => /^rookery_workers_silent 0$/m.test(found.text));
      const connections = byWorker(text, 'rookery_connections');
      expect([...connections.keys()].toSorted()).toEqual(['1', '2']);
      expect(sum(connections.values())).toBe(6);
      expect(byWorker(text, 'process_resident_memory_bytes').size).toBe(2);
      expect(text).toMatch(/^rookery_fan_out_seconds_bucket\{le="\+Inf",worker="2"\} \d+$/m);
      expect(text.match(/^# TYPE rookery_connections gauge$/gm)).toHaveLength(1);
    }

    process.kill(first, 'SIGSTOP');
    const unready = await answer(port, '/health/ready');
    expect(unready.status).toBe(503);
    expect(JSON.parse(unready.text)).toMatchObject({
      details: { workers: { status: 'down', message: expect.stringMatching(/^worker [12] does not answer$/) } },
    });
    const silent = await answer(port, '/metrics');
    expect(silent.text).toMatch(/^rookery_workers_silent 1$/m);
    process.kill(first, 'SIGCONT');
    await answer(port, '/health/ready', ({ status }) => status === 200);

    process.kill(first, 'SIGKILL');
    const scrape = await answer(port, '/metrics', ({ text }) => byWorker(text, 'rookery_connections').size === 2);
    expect([...byWorker(scrape.text, 'rookery_connections').keys()].toSorted()).toEqual(['1', '2']);
  });
});
