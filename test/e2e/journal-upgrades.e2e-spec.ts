import { generateKeyPairSync, type KeyObject } from 'node:crypto';

import { SignJWT } from 'jose';

import { Revocations, RookeryModule } from '../../src/index.js';
import { TEST_OPTIONS, listen, startApplication, type TestApplication } from '../support/application.js';
import { connect, join, type ConnectOptions } from '../support/client.js';
import { eventually } from '../support/eventually.js';
import { startProcess } from '../support/process.js';
import { exchange, handshake } from '../support/raw-socket.js';
import { SECRET, tokenFor } from '../support/server.js';

const EXPIRED = 1;
const FAR = 4_000_000_000;
const OTHER_SECRET = 'another secret of thirty-two characters and more';

function signed(exp: number, key: KeyObject): Promise<string> {
  return new SignJWT({ sub: 'alice' }).setProtectedHeader({ alg: 'EdDSA' }).setExpirationTime(exp).sign(key);
}

/** Connects, is refused, and returns the fields of the line about it. */
async function refusalOf(server: TestApplication, options: ConnectOptions): Promise<unknown> {
  const before = server.log.about('upgrade.refused').length;
  await expect(connect(server, options)).rejects.toThrow('refused');
  const lines = server.log.about('upgrade.refused');
  expect(lines).toHaveLength(before + 1);
  return lines.at(-1);
}

function encode(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}

/** A token of the issuer `us`. */
function tokenOfUs(claims: object, secret?: string): string {
  return tokenFor({ iss: 'us', ...claims }, secret);
}

/** An unsigned token that names a user: nothing proves that it is this user. */
function unsigned(): string {
  return `${encode({ alg: 'none' })}.${encode({ sub: 'mallory', exp: FAR })}.`;
}

describe('the log of refused upgrades', () => {
  it('says of each kind of bad token what is wrong with it, and who it is where the signature proves it', async () => {
    const server = await startApplication({ options: { jwtIssuer: 'us' } });
    const cases: readonly [string | null, string, string | undefined][] = [
      [null, 'TOKEN_MISSING', undefined],
      [tokenOfUs({ exp: EXPIRED }), 'TOKEN_EXPIRED', 'alice'],
      [tokenOfUs({ nbf: FAR }), 'TOKEN_NOT_YET_VALID', 'alice'],
      [tokenOfUs({ sub: 'mallory' }, OTHER_SECRET), 'TOKEN_WRONG_KEY', undefined],
      [tokenOfUs({ iss: 'them' }), 'TOKEN_CLAIMS', 'alice'],
      [tokenOfUs({ sub: '' }), 'TOKEN_CLAIMS', undefined],
      [tokenOfUs({ rooms: 7 }), 'TOKEN_CLAIMS', 'alice'],
      ['not-a-token', 'TOKEN_MALFORMED', undefined],
      [unsigned(), 'TOKEN_ALGORITHM', undefined],
      ['rkt_never-made', 'TICKET_INVALID', undefined],
    ];
    for (const [bad, code, user] of cases) {
      const line = await refusalOf(server, { token: bad });
      expect(line).toEqual({
        event: 'upgrade.refused',
        code,
        reason: expect.any(String) as string,
        status: 401,
        address: '127.0.0.1',
        path: '/ws',
        ...(user === undefined ? {} : { user }),
      });
      expect(JSON.stringify(server.log.journal)).not.toContain(bad ?? 'no token');
    }
  });

  it('says of a revoked token that it was revoked, and whose it is', async () => {
    const server = await startApplication({});
    await server.app.get(Revocations).revokeUser('alice');
    expect(await refusalOf(server, {})).toMatchObject({ code: 'TOKEN_REVOKED', user: 'alice' });
  });

  it('tells an expired token from one of another key with EdDSA as well', async () => {
    const { publicKey, privateKey } = generateKeyPairSync('ed25519');
    const { jwtSecret: _secret, ...options } = TEST_OPTIONS;
    const jwtPublicKey = publicKey.export({ type: 'spki', format: 'pem' }) as string;
    const server = await listen({ imports: [RookeryModule.forRoot({ ...options, jwtPublicKey })] });
    const expired = await refusalOf(server, { token: await signed(EXPIRED, privateKey) });
    expect(expired).toMatchObject({ code: 'TOKEN_EXPIRED', user: 'alice' });
    const foreign = await signed(FAR, generateKeyPairSync('ed25519').privateKey);
    const forged = await refusalOf(server, { token: foreign });
    expect(forged).toMatchObject({ code: 'TOKEN_WRONG_KEY' });
    expect(forged).not.toHaveProperty('user');
  });

  it('has a line for each refusal that is not about a token', async () => {
    const server = await startApplication({
      options: { allowedOrigins: ['https://good.example'], maxConnections: 2, maxConnectionsPerUser: 1 },
    });
    await join(server);
    expect(await refusalOf(server, {})).toMatchObject({ code: 'TOO_MANY_CONNECTIONS', status: 429, user: 'alice' });
    expect(await refusalOf(server, { headers: { origin: 'https://evil.example' } })).toMatchObject({
      code: 'ORIGIN_NOT_ALLOWED',
      status: 403,
    });
    expect(await refusalOf(server, { protocols: ['other'] })).toMatchObject({ code: 'UNSUPPORTED_SUBPROTOCOL' });
    await exchange(server, handshake({ target: '/nowhere?token=secret' }));
    expect(server.log.about('upgrade.refused').at(-1)).toMatchObject({ code: 'NOT_FOUND', path: '/nowhere' });
    await exchange(server, handshake({ headers: { 'Sec-WebSocket-Version': '8' } }));
    expect(server.log.about('upgrade.refused').at(-1)).toMatchObject({
      code: 'BAD_HANDSHAKE',
      reason: 'Sec-WebSocket-Version must be 13',
    });
    await exchange(
      server,
      handshake({ target: `/ws?token=${tokenFor({ sub: 'dora' })}`, headers: { 'Sec-WebSocket-Key': 'short' } }),
    );
    expect(server.log.about('upgrade.refused').at(-1)).toMatchObject({ code: 'BAD_HANDSHAKE' });
    await join(server, { claims: { sub: 'bob' } });
    expect(await refusalOf(server, { claims: { sub: 'carol' } })).toMatchObject({ code: 'FULL', status: 503 });
    expect(server.log.journal.at(-1)?.level).toBe('warn');
  });

  it('names the address that a trusted proxy names', async () => {
    const server = await startApplication({ options: { trustProxy: '1' } });
    const line = await refusalOf(server, { token: null, headers: { 'x-forwarded-for': '203.0.113.7' } });
    expect(line).toMatchObject({ address: '203.0.113.7' });
  });

  it('stays small under a flood, and counts what it leaves out', async () => {
    const server = await startApplication({});
    const attempts = 200;
    for (let left = attempts; left > 0; left -= 20) {
      await Promise.all(
        Array.from({ length: 20 }, () => connect(server, { token: null }).catch((error: unknown) => error)),
      );
    }
    const startedWith = server.log.about('upgrade.refused').length;
    expect(startedWith).toBeLessThan(attempts / 2);
    await server.stop();
    const left = await eventually(
      () => server.log.about('journal.left_out').map(({ count }) => Number(count)),
      (counts) => counts.length > 0,
    );
    expect(left.reduce((sum, count) => sum + count, startedWith)).toBe(attempts);
  });
});

describe('the log of the server', () => {
  it('has refusals in production at the default level, one line of JSON each', async () => {
    const child = startProcess({ NODE_ENV: 'production', JWT_SECRET: SECRET });
    const port = await child.port();
    const token = tokenFor({ exp: EXPIRED });
    await expect(connect({ ws: `ws://127.0.0.1:${port}/ws` }, { token })).rejects.toThrow('refused');
    const output = await eventually(child.output, (text) => text.includes('upgrade.refused'));

    const line = output.split('\n').find((text) => text.includes('upgrade.refused')) ?? '';
    expect(JSON.parse(line)).toMatchObject({
      level: 30,
      context: 'Journal',
      event: 'upgrade.refused',
      code: 'TOKEN_EXPIRED',
      user: 'alice',
      address: '127.0.0.1',
      status: 401,
      msg: 'Upgrade refused: The token has expired',
    });
    expect(output).not.toContain(token);
  });

  it('has them in development as one readable line each', async () => {
    const child = startProcess({ JWT_SECRET: SECRET });
    const port = await child.port();
    await expect(connect({ ws: `ws://127.0.0.1:${port}/ws` }, { token: null })).rejects.toThrow('refused');
    const output = await eventually(child.output, (text) => text.includes('TOKEN_MISSING'));
    expect(output.split('\n').filter((text) => text.includes('Upgrade refused'))).toEqual([
      expect.stringMatching(/INFO.*Upgrade refused: A token is required .*"code":"TOKEN_MISSING"/),
    ]);
  });
});
