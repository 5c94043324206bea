import { connect, join, type ConnectOptions } from '../support/client.js';
import { startServer, tokenFor, type TestServer } from '../support/server.js';

const from = (address: string): ConnectOptions => ({ headers: { 'x-forwarded-for': address } });

/** The address that the server knows a new connection by. */
async function addressOf(server: TestServer, forwardedFor: string): Promise<string> {
  const client = await connect(server, from(forwardedFor));
  const { clientId } = (await client.next('connected')).payload;
  const response = await fetch(`${server.http}/api/connections/${clientId}`, {
    headers: { authorization: `Bearer ${tokenFor({ scope: 'admin' })}` },
  });
  return ((await response.json()) as { address: string }).address;
}

describe('X-Forwarded-For', () => {
  it.each(['203.0.113.7', '203.0.113.7, 198.51.100.1', 'nonsense', ''])(
    'changes nothing without trust: %p',
    async (forged) => {
      const server = await startServer();

      expect(await addressOf(server, forged)).toMatch(/^(::ffff:)?127\.0\.0\.1$/);
    },
  );

  it('names the client behind one trusted proxy; what the client wrote itself does not count', async () => {
    const server = await startServer({ trustProxy: '1' });

    expect(await addressOf(server, '203.0.113.7')).toBe('203.0.113.7');
    expect(await addressOf(server, 'forged, 203.0.113.7')).toBe('203.0.113.7');
  });

  it('counts by the addresses of trusted proxies', async () => {
    const server = await startServer({ trustProxy: 'loopback, 198.51.100.0/24' });

    expect(await addressOf(server, '192.0.2.1, 203.0.113.7, 198.51.100.9')).toBe('203.0.113.7');
  });

  it('does not get around the bound by address unless the proxy is trusted', async () => {
    const untrusting = await startServer({ maxConnectionsPerAddress: 1 });
    const trusting = await startServer({ maxConnectionsPerAddress: 1, trustProxy: 'loopback' });
    await join(untrusting, from('203.0.113.1'));
    await join(trusting, from('203.0.113.1'));

    await expect(connect(untrusting, from('203.0.113.2'))).rejects.toMatchObject({ status: 429 });
    await join(trusting, from('203.0.113.2'));
    await expect(connect(trusting, from('203.0.113.2'))).rejects.toMatchObject({ status: 429 });
  });
});
