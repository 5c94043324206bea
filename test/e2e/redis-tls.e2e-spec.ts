import type { RookeryOptionsInput } from '../../src/config/rookery.options.js';
import { connect, join } from '../support/client.js';
import { TestAuthority } from '../support/certificates.js';
import { knowsOthers, NODE_OPTIONS, publishSafely, readiness, ready } from '../support/cluster.js';
import { eventually } from '../support/eventually.js';
import { upTo } from '../support/pair-of-nodes.js';
import { freePort, startRedis } from '../support/redis.js';
import { startServer, type TestServer } from '../support/server.js';

interface TlsRedis {
  readonly authority: TestAuthority;
  startNode(more?: RookeryOptionsInput): Promise<TestServer>;
}

/** A Redis with TLS, whose certificate is of an authority that only this test knows. */
async function startTlsRedis(config: Readonly<Record<string, string>> = {}, name = 'IP:127.0.0.1'): Promise<TlsRedis> {
  const authority = new TestAuthority();
  const { certificate, key } = authority.issue(name);
  const port = await freePort();
  const files = { 'tls-cert-file': certificate, 'tls-key-file': key, 'tls-ca-cert-file': authority.certificate };
  await startRedis({ config: { 'tls-port': String(port), 'tls-auth-clients': 'no', ...files, ...config } });
  const options = { ...NODE_OPTIONS, redisUrl: `rediss://127.0.0.1:${port}` };
  return { authority, startNode: (more = {}) => startServer({ ...options, ...more }) };
}

async function refuses(node: TestServer, reason: RegExp): Promise<void> {
  const { broker } = await eventually(
    () => readiness(node),
    ({ status }) => status === 503,
  );
  expect(broker.message).toMatch(reason);
  await expect(connect(node)).rejects.toMatchObject({ status: 503 });
}

describe('a Redis with TLS', () => {
  it('whose authority is named serves nodes', async () => {
    const { authority, startNode } = await startTlsRedis();
    const redisCaFile = authority.certificate;
    const [one, two] = [await startNode({ redisCaFile }), await startNode({ redisCaFile })];
    await ready(one, two);
    await knowsOthers(one, 1);
    const member = await join(two, { claims: { sub: 'bob' } }, 'r');
    await publishSafely(await join(one), 'r', 1, 'i');
    expect(await upTo(member, 1)).toEqual([1]);
  });

  it('whose authority is unknown is not used, and readiness says why', async () => {
    const { startNode } = await startTlsRedis();
    await refuses(await startNode(), /SELF_SIGNED_CERT_IN_CHAIN|UNABLE_TO_VERIFY_LEAF_SIGNATURE/);
  });

  it('whose certificate is for another name is not used, and readiness says why', async () => {
    const { authority, startNode } = await startTlsRedis({}, 'DNS:other.example');
    await refuses(await startNode({ redisCaFile: authority.certificate }), /ERR_TLS_CERT_ALTNAME_INVALID/);
  });

  it('that asks for certificates of its clients serves nodes that have one', async () => {
    const { authority, startNode } = await startTlsRedis({ 'tls-auth-clients': 'yes' });
    const redisCaFile = authority.certificate;
    const { certificate, key } = authority.issue('DNS:node');
    const node = await startNode({ redisCaFile, redisCertFile: certificate, redisKeyFile: key });
    await ready(node);
    await publishSafely(await join(node, {}, 'r'), 'r', 1, 'i');
    await refuses(await startNode({ redisCaFile }), /Redis: /);
  });
});
