import { Broker } from '../../src/index.js';
import { startApplication } from '../support/application.js';
import { connect, join, RefusedError, type TestClient } from '../support/client.js';
import { NODE_OPTIONS, ready, startNodes } from '../support/cluster.js';
import { eventually } from '../support/eventually.js';
import { handshake, openSocket } from '../support/raw-socket.js';
import { startRedis } from '../support/redis.js';
import type { TestServer } from '../support/server.js';
import { slowVerifier } from '../support/slow-verifier.js';

const REFUSAL = {
  status: 503,
  headers: { 'retry-after': '2' },
  body: { code: 'UNAVAILABLE', message: 'The broker cannot be reached' },
};

/** Connects as soon as the node lets it in. */
async function connectWhenReady(node: TestServer): Promise<TestClient> {
  const outcome = await eventually(
    () => connect(node).catch((error: unknown) => error),
    (connected) => !(connected instanceof RefusedError),
  );
  return outcome as TestClient;
}

describe('an upgrade while Redis is away', () => {
  it('is refused before it is made, and let in when Redis is back; those who are in stay', async () => {
    const redis = await startRedis();
    const [one] = await startNodes(redis, 1);
    if (one === undefined) throw new Error('a node');
    const member = await join(one, {}, 'r');
    await redis.kill();
    const refused = await eventually(
      () => connect(one).catch((error: unknown) => error),
      (outcome) => outcome instanceof RefusedError,
    );
    expect(refused).toMatchObject(REFUSAL);
    await member.settle();
    await redis.launch();
    expect((await (await connectWhenReady(one)).next('connected')).payload.userId).toBe('alice');
    await ready(one);
    await member.settle();
  });

  it('is refused where Redis is there and takes nothing, until it does', async () => {
    const redis = await startRedis();
    const [one] = await startNodes(redis, 1);
    if (one === undefined) throw new Error('a node');
    const member = await join(one, {}, 'r');
    await redis.command('CONFIG', 'SET', 'maxmemory', '1');
    const full = await member.request('room:message', { room: 'r', data: 1 });
    expect(full).toMatchObject({ type: 'error', payload: { code: 'UNAVAILABLE' } });
    await expect(connect(one)).rejects.toMatchObject(REFUSAL);
    await redis.command('CONFIG', 'SET', 'maxmemory', '0');
    expect((await (await connectWhenReady(one)).next('connected')).payload.userId).toBe('alice');
  });

  it('is refused where Redis went while the token was verified', async () => {
    const redis = await startRedis();
    const verifier = slowVerifier();
    const node = await startApplication({
      options: { ...NODE_OPTIONS, redisUrl: redis.url },
      overrides: { tokenVerifier: verifier.type },
    });
    const socket = await openSocket(node);
    socket.write(handshake({ target: '/ws?token=alice' }));
    await eventually(verifier.waiting, (count) => count === 1);
    await redis.kill();
    const broker = node.app.get<Broker>(Broker, { strict: false });
    await eventually(
      () => broker.isReady?.(),
      (isReady) => isReady === false,
    );
    verifier.open();
    const { status, body } = await socket.answer();
    expect([status, (JSON.parse(body) as { code: string }).code]).toEqual([503, 'UNAVAILABLE']);
  });

  it('that was made before it showed is closed with 1011; the next one is refused', async () => {
    const redis = await startRedis();
    // Long enough for a connection to come before a hanging Redis is noticed.
    const [one] = await startNodes(redis, 1, { redisTimeoutMs: 3000 });
    if (one === undefined) throw new Error('a node');
    redis.pause();
    const early = await connect(one);
    expect(await early.closed).toMatchObject({ code: 1011 });
    await expect(connect(one)).rejects.toMatchObject(REFUSAL);
    redis.resume();
    await connectWhenReady(one);
  });
});
