import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { developmentSecret } from '../../../src/auth/development-secret.js';
import { keySourceOf } from '../../../src/auth/key-source.factory.js';
import { resolveOptions } from '../../../src/config/resolve-options.js';
import type { RookeryOptionsInput } from '../../../src/config/rookery.options.js';
import { SECRET } from '../../support/server.js';
import { cleanUp } from '../../support/teardown.js';

const sourceWith = (options: RookeryOptionsInput) => keySourceOf(resolveOptions(options));

describe('the key', () => {
  it('of a secret signs, and takes HS256 alone', async () => {
    const source = await sourceWith({ jwtSecret: SECRET });
    expect(source.algorithms).toStrictEqual(['HS256']);
    expect(source.signingKey).toBeDefined();
    expect(source.keyFor({ alg: 'HS256', kid: 'anything' })).toBe(source.signingKey);
  });

  it.each<[string, () => string, readonly string[]]>([
    [
      'rsa',
      () => pem(generateKeyPairSync('rsa', { modulusLength: 2048 })),
      ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'],
    ],
    ['P-256', () => pem(generateKeyPairSync('ec', { namedCurve: 'P-256' })), ['ES256']],
    ['P-521', () => pem(generateKeyPairSync('ec', { namedCurve: 'P-521' })), ['ES512']],
    ['ed25519', () => pem(generateKeyPairSync('ed25519')), ['EdDSA']],
  ])('of kind %s takes the algorithms of its kind, and signs nothing', async (_kind, make, algorithms) => {
    const source = await sourceWith({ jwtPublicKey: make() });
    expect(source.algorithms).toStrictEqual(algorithms);
    expect(source.signingKey).toBeUndefined();
  });

  it('that cannot be read is refused at start, by the setting’s name', async () => {
    const broken = '-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----';
    await expect(sourceWith({ jwtPublicKey: broken })).rejects.toThrow('JWT_PUBLIC_KEY');
  });

  it('of a kind that does not sign is refused at start', async () => {
    const unfit = pem(generateKeyPairSync('x25519'));
    await expect(sourceWith({ jwtPublicKey: unfit })).rejects.toThrow('JWT_PUBLIC_KEY');
  });

  it('of a key set takes no HMAC and no unsigned tokens', async () => {
    const { algorithms, signingKey } = await sourceWith({ jwksUrl: 'http://127.0.0.1:9/keys' });
    expect(algorithms.filter((name) => name.startsWith('HS') || name === 'none')).toStrictEqual([]);
    expect(signingKey).toBeUndefined();
  });
});

function pem({ publicKey }: ReturnType<typeof generateKeyPairSync>): string {
  if (typeof publicKey === 'string' || Buffer.isBuffer(publicKey)) throw new Error('a key object was asked for');
  return publicKey.export({ type: 'spki', format: 'pem' }).toString();
}

/** Works in an empty folder until the end of the test. */
function inEmptyFolder(): string {
  const before = process.cwd();
  const folder = mkdtempSync(join(tmpdir(), 'rookery-'));
  process.chdir(folder);
  cleanUp(() => {
    process.chdir(before);
    rmSync(folder, { recursive: true });
  });
  return join(folder, '.rookery', 'development-secret');
}

describe('the secret for development', () => {
  it('is made once, and kept where only its owner can read it', () => {
    const file = inEmptyFolder();
    const secret = developmentSecret(resolveOptions({}));
    expect(secret.length).toBeGreaterThanOrEqual(32);
    expect(readFileSync(file, 'utf8').trim()).toBe(secret);
    expect(statSync(file).mode & 0o077).toBe(0);
    expect(developmentSecret(resolveOptions({}))).toBe(secret);
  });

  it('takes the place of one that is too short', () => {
    const file = inEmptyFolder();
    const secret = developmentSecret(resolveOptions({}));
    writeFileSync(file, 'short');
    expect(developmentSecret(resolveOptions({}))).not.toBe(secret);
    expect(readFileSync(file, 'utf8').trim().length).toBeGreaterThanOrEqual(32);
  });

  it('leaves no file in tests, and is another one each time', () => {
    const file = inEmptyFolder();
    const options = resolveOptions({ nodeEnv: 'test' });
    expect(developmentSecret(options)).not.toBe(developmentSecret(options));
    expect(() => readFileSync(file)).toThrow('ENOENT');
  });
});
