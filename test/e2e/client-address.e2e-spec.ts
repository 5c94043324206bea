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

      expect(await addressOf(server, forged)).toBe('127.0.0.1');
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

  it('counts an address once, with whatever port and spelling', async () => {
    const server = await startServer({ maxConnectionsPerAddress: 1, trustProxy: 'loopback' });
    await join(server, from('203.0.113.1:1024'));
    await join(server, from('[2001:db8::1]:443'));

    for (const spelling of ['203.0.113.1:1025', '::ffff:203.0.113.1', '2001:DB8:0:0:ffff::2', '[2001:db8::3]:444']) {
      await expect(connect(server, from(spelling))).rejects.toMatchObject({ status: 429 });
    }
    await join(server, from('2001:db8:0:1::1'));
  });

  it('counts inventions as the proxy that passes them on', async () => {
    const server = await startServer({ maxConnectionsPerAddress: 1, trustProxy: 'loopback' });
    await join(server, from('unknown'));

    for (const invention of ['_hidden', 'nonsense', '1.2.3.4.5']) {
      await expect(connect(server, from(invention))).rejects.toMatchObject({ status: 429 });
    }
  });

  it('is shown in full to operators, while its network is counted', async () => {
    const server = await startServer({ trustProxy: 'loopback' });

    expect(await addressOf(server, '[2001:DB8::1:2]:443')).toBe('2001:db8::1:2');
  });
});
