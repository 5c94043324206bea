import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

import { exportJWK, generateKeyPair } from 'jose';

import { JwksKeySource } from '../../../src/auth/jwks.key-source.js';
import { TokenError } from '../../../src/auth/token-verifier.js';
import { cleanUp } from '../../support/teardown.js';

interface Issuer {
  readonly url: URL;
  /** How often the key set was asked for. */
  fetches: number;
  /** Answers from now on. */
  answer: (response: ServerResponse) => void;
}

async function issuerWith(answer: Issuer['answer']): Promise<Issuer> {
  const server = createServer((_request, response) => {
    issuer.fetches += 1;
    issuer.answer(response);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  cleanUp(() => server.close());
  const { port } = server.address() as AddressInfo;
  const issuer: Issuer = { url: new URL(`http://127.0.0.1:${port}/keys`), fetches: 0, answer };
  return issuer;
}

/** Answers with a set of EC keys of these ids. */
async function keys(...kids: string[]): Promise<Issuer['answer']> {
  const set = await Promise.all(
    kids.map(async (kid) => {
      const { publicKey } = await generateKeyPair('ES256', { extractable: true });
      return Object.assign(await exportJWK(publicKey), { kid, alg: 'ES256', use: 'sig' });
    }),
  );
  return json({ keys: set });
}

const json =
  (body: unknown, status = 200): Issuer['answer'] =>
  (response) =>
    response.writeHead(status, { 'Content-Type': 'application/json' }).end(JSON.stringify(body));

const header = (kid: string): { alg: string; kid: string } => ({ alg: 'ES256', kid });
const LONG_MS = 3_600_000;

describe('JwksKeySource', () => {
  it('fetches the set at first use, and once for many uses', async () => {
    const issuer = await issuerWith(await keys('k1', 'k2'));
    const source = await JwksKeySource.at(issuer.url, LONG_MS);
    expect(issuer.fetches).toBe(0);
    const [key, again, other] = await Promise.all(['k1', 'k1', 'k2'].map((kid) => source.keyFor(header(kid))));
    expect(key?.asymmetricKeyType).toBe('ec');
    expect(again).toBe(key);
    expect(other).not.toBe(key);
    await source.keyFor(header('k1'));
    expect(issuer.fetches).toBe(1);
  });

  it('fetches anew for an unknown key, and finds one that was rotated in', async () => {
    const issuer = await issuerWith(await keys('k1'));
    const source = await JwksKeySource.at(issuer.url, 0);
    await source.keyFor(header('k1'));
    issuer.answer = await keys('k1', 'k2');
    await expect(source.keyFor(header('k2'))).resolves.toHaveProperty('type', 'public');
    expect(issuer.fetches).toBe(2);
  });

  it('lets a flood of unknown keys cause one fetch in a cool-down', async () => {
    const issuer = await issuerWith(await keys('k1'));
    const source = await JwksKeySource.at(issuer.url, LONG_MS);
    const flood = Array.from({ length: 50 }, (_unused, index) => source.keyFor(header(`unknown-${index}`)));
    const outcomes = await Promise.allSettled(flood);
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toStrictEqual([]);
    await expect(source.keyFor(header('unknown'))).rejects.toThrow(TokenError);
    await expect(source.keyFor(header('k1'))).resolves.toHaveProperty('type', 'public');
    expect(issuer.fetches).toBe(1);
  });

  it('asks a broken issuer once in a cool-down, too', async () => {
    const issuer = await issuerWith(json({ message: 'sorry' }, 500));
    const source = await JwksKeySource.at(issuer.url, LONG_MS);
    for (const kid of ['k1', 'k1', 'k2']) {
      await expect(source.keyFor(header(kid))).rejects.not.toBeInstanceOf(TokenError);
    }
    expect(issuer.fetches).toBe(1);
  });

  it('goes on with the keys it has while the issuer is away', async () => {
    const issuer = await issuerWith(await keys('k1'));
    const source = await JwksKeySource.at(issuer.url, 0);
    await source.keyFor(header('k1'));
    issuer.answer = (response) => response.destroy();
    await expect(source.keyFor(header('k2'))).rejects.not.toBeInstanceOf(TokenError);
    await expect(source.keyFor(header('k1'))).resolves.toHaveProperty('type', 'public');
  });

  it('is found by the key’s id and nothing else that a token says', async () => {
    const issuer = await issuerWith(await keys('k1'));
    const trap = await issuerWith(await keys('k2'));
    const source = await JwksKeySource.at(issuer.url, LONG_MS);
    const lure = { ...header('k2'), jku: trap.url.href, x5u: trap.url.href, jwk: { kty: 'EC' } };
    await expect(source.keyFor(lure)).rejects.toThrow(TokenError);
    expect(trap.fetches).toBe(0);
  });

  describe('cannot judge, which is not the token’s fault, when the issuer', () => {
    it.each<[string, Issuer['answer']]>([
      ['is broken', json({ message: 'sorry' }, 500)],
      ['answers with something else', (response) => response.end('<html>')],
      ['answers without keys', json({})],
      ['answers with too much', json({ keys: [], padding: 'x'.repeat(300_000) })],
      ['hangs up', (response) => response.destroy()],
    ])('%s', async (_what, answer) => {
      const issuer = await issuerWith(answer);
      const source = await JwksKeySource.at(issuer.url, 0);
      await expect(source.keyFor(header('k1'))).rejects.not.toBeInstanceOf(TokenError);
    });

    it('leads elsewhere', async () => {
      const elsewhere = await issuerWith(await keys('k1'));
      const issuer = await issuerWith((response) => response.writeHead(302, { Location: elsewhere.url.href }).end());
      const source = await JwksKeySource.at(issuer.url, 0);
      await expect(source.keyFor(header('k1'))).rejects.not.toBeInstanceOf(TokenError);
      expect(elsewhere.fetches).toBe(0);
    });
  });
});
