import { jest } from '@jest/globals';
import { generateKeyPairSync, type KeyObject } from 'node:crypto';

import { join } from '../support/client.js';
import { eventually } from '../support/eventually.js';
import { compact, edDsa, es256, goodClaims, hs256, rs256, unsigned, type Signer } from '../support/forged-tokens.js';
import { startIssuer } from '../support/issuer.js';
import { startServer, type TestServer } from '../support/server.js';
import { cleanUp } from '../support/teardown.js';
import { verdict } from '../support/verdict.js';

const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
const otherRsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const ed = generateKeyPairSync('ed25519');

const pem = (key: KeyObject): string => key.export({ format: 'pem', type: 'spki' }).toString();
const jwkOf = (key: KeyObject, kid: string): object => ({
  ...key.export({ format: 'jwk' }),
  kid,
  use: 'sig',
});

const ES256 = { alg: 'ES256' };
const rsaToken = (kid: string, key: KeyObject): string => compact({ alg: 'RS256', kid }, goodClaims(), rs256(key));

const KINDS: readonly [string, { publicKey: KeyObject; privateKey: KeyObject }, (key: KeyObject) => Signer][] = [
  ['RS256', rsa, rs256],
  ['ES256', ec, es256],
  ['EdDSA', ed, edDsa],
];

async function serverWithKey(key: KeyObject): Promise<TestServer> {
  return startServer({ jwtPublicKey: pem(key) });
}

describe('under a public key', () => {
  it.each(KINDS)('%s tokens are good; those of other kinds and keys are not', async (alg, pair, signer) => {
    const server = await serverWithKey(pair.publicKey);
    const good = compact({ alg }, goodClaims(), signer(pair.privateKey));
    const others = KINDS.filter(([name]) => name !== alg);

    expect(await verdict(server, good)).toBe(101);
    for (const [name, other, otherSigner] of others) {
      expect(await verdict(server, compact({ alg: name }, goodClaims(), otherSigner(other.privateKey)))).toBe(401);
      // The right name over the wrong signature.
      expect(await verdict(server, compact({ alg }, goodClaims(), otherSigner(other.privateKey)))).toBe(401);
    }
    expect(await verdict(server, compact({ alg: 'none' }, goodClaims(), unsigned))).toBe(401);
  });

  it.each(KINDS)('%s: the public key is no secret to sign with', async (_alg, { publicKey }) => {
    const server = await serverWithKey(publicKey);
    const der = publicKey.export({ format: 'der', type: 'spki' }).toString('latin1');

    for (const secret of [pem(publicKey), pem(publicKey).trim(), der]) {
      expect(await verdict(server, compact({ alg: 'HS256' }, goodClaims(), hs256(secret)))).toBe(401);
    }
  });

  it.each(KINDS)('%s: claims are held to the same rules', async (alg, pair, signer) => {
    const server = await startServer({
      jwtPublicKey: pem(pair.publicKey),
      jwtAudience: 'rookery',
    });
    const token = (claims: object): string =>
      compact({ alg }, { ...goodClaims(), aud: 'rookery', ...claims }, signer(pair.privateKey));

    expect(await verdict(server, token({}))).toBe(101);
    expect(await verdict(server, token({ exp: 1 }))).toBe(401);
    expect(await verdict(server, token({ exp: undefined }))).toBe(401);
    expect(await verdict(server, token({ nbf: Math.floor(Date.now() / 1000) + 60 }))).toBe(401);
    expect(await verdict(server, token({ aud: 'billing' }))).toBe(401);
  });
});

describe('under a key set', () => {
  it('tokens of each kind are good by their kid, fetched once', async () => {
    const issuer = await startIssuer(jwkOf(rsa.publicKey, 'r'), jwkOf(ec.publicKey, 'e'), jwkOf(ed.publicKey, 'd'));
    const server = await startServer({ jwksUrl: issuer.url });
    const tokens = [
      rsaToken('r', rsa.privateKey),
      compact({ ...ES256, kid: 'e' }, goodClaims(), es256(ec.privateKey)),
      compact({ alg: 'EdDSA', kid: 'd' }, goodClaims(), edDsa(ed.privateKey)),
    ];

    expect(await Promise.all(tokens.map((token) => verdict(server, token)))).toEqual([101, 101, 101]);
    expect(await verdict(server, rsaToken('r', otherRsa.privateKey))).toBe(401);
    expect(await verdict(server, compact({ ...ES256, kid: 'r' }, goodClaims(), es256(ec.privateKey)))).toBe(401);
    expect(issuer.fetches()).toBe(1);
  });

  it('a kid that is unknown, or no plain name, causes at most one fetch in a cool-down', async () => {
    const issuer = await startIssuer(jwkOf(rsa.publicKey, 'r'));
    const server = await startServer({ jwksUrl: issuer.url, jwksCooldownMs: 60_000 });
    const kids = ['x', '../../etc/passwd', '__proto__', "' or 1=1", 'http://127.0.0.1:1/', ''];
    for (const kid of kids) expect(await verdict(server, rsaToken(kid, otherRsa.privateKey))).toBe(401);

    expect(issuer.fetches()).toBe(1);
    expect(await verdict(server, rsaToken('r', rsa.privateKey))).toBe(101);
  });

  it('a rotated key is taken up, and the one withdrawn is not taken any more', async () => {
    const issuer = await startIssuer(jwkOf(rsa.publicKey, 'old'));
    const server = await startServer({ jwksUrl: issuer.url, jwksCooldownMs: 1000 });
    expect(await verdict(server, rsaToken('old', rsa.privateKey))).toBe(101);
    issuer.answer({ keys: [jwkOf(otherRsa.publicKey, 'new')] });

    await eventually(
      () => verdict(server, rsaToken('new', otherRsa.privateKey)),
      (status) => status === 101,
    );
    expect(await verdict(server, rsaToken('old', rsa.privateKey))).toBe(401);
  });

  it('a rotated key is taken up after the clock has gone back by an hour, too', async () => {
    const issuer = await startIssuer(jwkOf(rsa.publicKey, 'old'));
    const server = await startServer({ jwksUrl: issuer.url, jwksCooldownMs: 1000 });
    expect(await verdict(server, rsaToken('old', rsa.privateKey))).toBe(101);
    issuer.answer({ keys: [jwkOf(otherRsa.publicKey, 'new')] });
    const now = Date.now.bind(Date);
    const clock = jest.spyOn(Date, 'now').mockImplementation(() => now() - 3_600_000);
    cleanUp(() => clock.mockRestore());

    await eventually(
      () => verdict(server, rsaToken('new', otherRsa.privateKey)),
      (status) => status === 101,
    );
  });

  it('while the address is down the cached keys work, and new ones wait with 503', async () => {
    const issuer = await startIssuer(jwkOf(rsa.publicKey, 'r'));
    const server = await startServer({ jwksUrl: issuer.url, jwksCooldownMs: 1000 });
    expect(await verdict(server, rsaToken('r', rsa.privateKey))).toBe(101);
    issuer.answer({ status: 500 });

    await eventually(
      () => verdict(server, rsaToken('new', otherRsa.privateKey)),
      (status) => status === 503,
    );
    expect(await verdict(server, rsaToken('r', rsa.privateKey))).toBe(101);
  });

  it('while the address is down a living connection keeps its token, and is told to ask again', async () => {
    const issuer = await startIssuer(jwkOf(rsa.publicKey, 'r'));
    const server = await startServer({ jwksUrl: issuer.url, jwksCooldownMs: 1000, rateLimit: 0 });
    const client = await join(server, { token: rsaToken('r', rsa.privateKey) });
    issuer.answer({ status: 500 });
    const token = rsaToken('new', otherRsa.privateKey);
    const { payload } = await eventually(
      () => client.request('auth:refresh', { token }),
      (reply) => reply.payload.code !== 'TOKEN_INVALID',
    );
    expect(payload).toEqual({ code: 'UNAVAILABLE', message: 'Tokens cannot be verified at the moment' });
    const call = await fetch(`${server.http}/api/rooms`, { headers: { authorization: `Bearer ${token}` } });
    expect([call.status, await call.json()]).toEqual([503, payload]);
    await client.settle();
  });

  it('an address that was never there refuses with 503, and is asked once in a cool-down', async () => {
    const issuer = await startIssuer();
    issuer.answer({ status: 500 });
    const server = await startServer({ jwksUrl: issuer.url, jwksCooldownMs: 60_000 });
    const token = rsaToken('r', rsa.privateKey);

    for (let attempt = 0; attempt < 3; attempt += 1) expect(await verdict(server, token)).toBe(503);
    expect(issuer.fetches()).toBe(1);
  });

  it('a redirect is not followed', async () => {
    const elsewhere = await startIssuer(jwkOf(rsa.publicKey, 'r'));
    const issuer = await startIssuer();
    issuer.answer({ location: elsewhere.url });
    const server = await startServer({ jwksUrl: issuer.url });

    expect(await verdict(server, rsaToken('r', rsa.privateKey))).toBe(503);
    expect([issuer.fetches(), elsewhere.fetches()]).toEqual([1, 0]);
  });

  it('a shared secret in it is no key', async () => {
    const k = Buffer.from('a secret that an issuer has published').toString('base64url');
    const issuer = await startIssuer({ kty: 'oct', k, kid: 's', alg: 'HS256' });
    const server = await startServer({ jwksUrl: issuer.url });
    const token = compact({ alg: 'HS256', kid: 's' }, goodClaims(), hs256('a secret that an issuer has published'));

    expect(await verdict(server, token)).toBe(401);
  });
});
