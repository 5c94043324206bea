import { generateKeyPairSync, type KeyObject } from 'node:crypto';

import * as fc from 'fast-check';
import { SignJWT } from 'jose';
import jwt from 'jsonwebtoken';

import { TokenError } from '../../../src/auth/token-verifier.js';
import { SECRET, tokenFor, type Claims } from '../../support/server.js';
import { authWith, forge, seconds } from './tokens.js';

/** Making an RSA key takes as long as it takes to find two primes. */
const KEYS_TAKE_MS = 30_000;

const HS256 = { alg: 'HS256', typ: 'JWT' };

function pemOf(key: KeyObject): string {
  return key.export({ type: 'spki', format: 'pem' }).toString();
}

function sign(alg: string, key: KeyObject, claims: Claims = {}): Promise<string> {
  return new SignJWT({ sub: 'alice', exp: seconds() + 60, ...claims }).setProtectedHeader({ alg }).sign(key);
}

describe('JwtTokenVerifier', () => {
  it('makes a principal of the claims', async () => {
    const { verifier } = await authWith();
    const exp = seconds() + 60;
    const principal = await verifier.verify(tokenFor({ sub: 'bob', exp, jti: 't1', rooms: ['chat:*', 'inbox:{sub}'] }));
    expect(principal).toMatchObject({ userId: 'bob', admin: false, expiresAt: exp * 1000, tokenId: 't1' });
    expect(principal.grants.allows('join', 'chat:1')).toBe(true);
    expect(principal.grants.allows('join', 'inbox:bob')).toBe(true);
    expect(principal.grants.allows('join', 'inbox:alice')).toBe(false);
  });

  it('takes the user from the claim that is set, a number too', async () => {
    const { verifier } = await authWith({ jwtSecret: SECRET, jwtUserClaim: 'userId' });
    await expect(verifier.verify(tokenFor({ userId: 42 }))).resolves.toMatchObject({ userId: '42' });
    await expect(verifier.verify(tokenFor({ userId: 'bob' }))).resolves.toMatchObject({ userId: 'bob' });
    await expect(verifier.verify(tokenFor())).rejects.toThrow('The token names no user');
  });

  it.each(['9007199254740993', '1e999', '1.5', '-1e400'])(
    'refuses a user whose number %s is no whole one that a double holds exactly',
    async (number) => {
      const { verifier } = await authWith({ jwtSecret: SECRET });
      const claims = `{"sub":${number},"exp":${seconds() + 60}}`;
      const signed = jwt.sign(claims, SECRET, { algorithm: 'HS256' });
      await expect(verifier.verify(signed)).rejects.toThrow('The token names no user');
    },
  );

  it('gives a token without "rooms" the default grants, and one with an empty list none', async () => {
    const { verifier } = await authWith({ jwtSecret: SECRET, defaultGrants: ['lobby'] });
    expect((await verifier.verify(tokenFor())).grants.allows('join', 'lobby')).toBe(true);
    expect((await verifier.verify(tokenFor({ rooms: [] }))).grants.allows('join', 'lobby')).toBe(false);
  });

  it.each<[unknown, boolean]>([
    ['admin', true],
    ['read admin', true],
    [['admin'], true],
    ['administrator', false],
    ['ADMIN', false],
    [{ admin: true }, false],
    [true, false],
    [undefined, false],
  ])('reads the scope %j', async (scope, admin) => {
    const { verifier } = await authWith();
    await expect(verifier.verify(tokenFor({ scope }))).resolves.toMatchObject({ admin });
  });

  describe('refuses', () => {
    it.each<[string, () => string, string]>([
      ['text', () => 'hello', 'The token is malformed'],
      ['nothing', () => '', 'The token is malformed'],
      ['three dots', () => '...', 'The token is malformed'],
      ['too much', () => 'x'.repeat(16_385), 'The token is too long'],
      ['claims that are none', () => forge(HS256, null), 'The token is malformed'],
      ['another secret', () => tokenFor({}, `${SECRET}!`), 'The token is not valid'],
      ['no signature', () => forge({ alg: 'none' }, { sub: 'alice', exp: seconds() + 60 }), 'not accepted'],
      ['"none" in other letters', () => forge({ alg: 'nOnE' }, { sub: 'alice' }), 'not accepted'],
      ['another HMAC', () => forge({ alg: 'HS512' }, { sub: 'alice' }), 'not accepted'],
      ['an algorithm that is no text', () => forge({ alg: ['HS256'] }, { sub: 'alice' }), 'not accepted'],
      ['a critical extension', () => forge({ ...HS256, crit: ['x'], x: 1 }, { sub: 'alice' }), 'not supported'],
      ['one that has expired', () => tokenFor({ exp: seconds() - 60 }), 'The token has expired'],
      ['one that is not good yet', () => tokenFor({ nbf: seconds() + 60 }), 'The token is not valid'],
      ['one without an end', () => forge(HS256, { sub: 'alice' }), 'The token has no expiry'],
      ['one without a user', () => tokenFor({ sub: '' }), 'The token names no user'],
      ['a user with a line end', () => tokenFor({ sub: 'a\nb' }), 'The token names no user'],
      ['a user of too many characters', () => tokenFor({ sub: 'u'.repeat(129) }), 'The token names no user'],
      ['grants that cannot be read', () => tokenFor({ rooms: 'chat:*' }), 'The token’s claim "rooms" cannot be read'],
      ['unknown actions', () => tokenFor({ rooms: [{ pattern: '*', can: ['fly'] }] }), 'cannot be read'],
    ])('%s', async (_what, make, message) => {
      const { verifier } = await authWith();
      const refusal: unknown = await verifier.verify(make()).catch((error: unknown) => error);
      expect(refusal).toBeInstanceOf(TokenError);
      expect(refusal).toHaveProperty('message', expect.stringContaining(message));
    });

    it('a changed payload under a good signature', async () => {
      const { verifier } = await authWith();
      const [header, , signature] = tokenFor().split('.');
      const payload = Buffer.from(JSON.stringify({ sub: 'admin', exp: seconds() + 60 })).toString('base64url');
      await expect(verifier.verify([header, payload, signature].join('.'))).rejects.toThrow(TokenError);
    });

    it('another issuer and another audience, where they are set', async () => {
      const { verifier } = await authWith({
        jwtSecret: SECRET,
        jwtIssuer: 'https://id.example',
        jwtAudience: 'rookery',
      });
      const right = { iss: 'https://id.example', aud: ['other', 'rookery'] };
      await expect(verifier.verify(tokenFor(right))).resolves.toMatchObject({ userId: 'alice' });
      for (const wrong of [{}, { ...right, iss: 'https://evil.example' }, { ...right, aud: 'other' }]) {
        await expect(verifier.verify(tokenFor(wrong))).rejects.toThrow(TokenError);
      }
    });
  });

  it('forgives clocks that are as far apart as the setting says', async () => {
    const { verifier } = await authWith({ jwtSecret: SECRET, jwtClockSkewMs: 60_000 });
    await expect(verifier.verify(tokenFor({ exp: seconds() - 30 }))).resolves.toMatchObject({ userId: 'alice' });
    await expect(verifier.verify(tokenFor({ exp: seconds() - 90 }))).rejects.toThrow(TokenError);
  });

  it('uses no key that a token brings along', async () => {
    const { verifier } = await authWith();
    const mine = 'a key of the forger’s own, thirty-two characters';
    const jwk = { kty: 'oct', k: Buffer.from(mine).toString('base64url') };
    const header = { ...HS256, jwk, jku: 'http://127.0.0.1:9/keys', x5u: 'http://127.0.0.1:9/cert', kid: '../../key' };
    await expect(verifier.verify(forge(header, { sub: 'alice', exp: seconds() + 60 }, mine))).rejects.toThrow(
      TokenError,
    );
  });

  describe('with a public key', () => {
    it.each<[string, readonly string[], () => { publicKey: KeyObject; privateKey: KeyObject }]>([
      ['RSA', ['RS256', 'PS256'], () => generateKeyPairSync('rsa', { modulusLength: 2048 })],
      ['P-256', ['ES256'], () => generateKeyPairSync('ec', { namedCurve: 'P-256' })],
      ['P-384', ['ES384'], () => generateKeyPairSync('ec', { namedCurve: 'P-384' })],
      ['Ed25519', ['EdDSA'], () => generateKeyPairSync('ed25519')],
    ])(
      'takes what an %s key signs, and no HMAC made with the public key',
      async (_kind, algorithms, generate) => {
        const { publicKey, privateKey } = generate();
        const { privateKey: foreign } = generate();
        const { verifier, issuer } = await authWith({ jwtPublicKey: pemOf(publicKey) });
        for (const alg of algorithms) {
          await expect(verifier.verify(await sign(alg, privateKey))).resolves.toMatchObject({ userId: 'alice' });
          await expect(verifier.verify(await sign(alg, foreign))).rejects.toThrow(TokenError);
          const old = await sign(alg, privateKey, { exp: seconds() - 60 });
          await expect(verifier.verify(old)).rejects.toThrow('The token has expired');
        }
        const confused = forge(HS256, { sub: 'alice', exp: seconds() + 60 }, pemOf(publicKey));
        await expect(verifier.verify(confused)).rejects.toThrow('The token’s algorithm is not accepted');
        expect(issuer.canIssue).toBe(false);
      },
      KEYS_TAKE_MS,
    );

    it('holds EdDSA tokens to issuer, audience and start as well', async () => {
      const { publicKey, privateKey } = generateKeyPairSync('ed25519');
      const { verifier } = await authWith({ jwtPublicKey: pemOf(publicKey), jwtIssuer: 'me', jwtAudience: 'rookery' });
      const right = { iss: 'me', aud: 'rookery' };
      await expect(verifier.verify(await sign('EdDSA', privateKey, right))).resolves.toMatchObject({ userId: 'alice' });
      for (const wrong of [
        { ...right, iss: 'you' },
        { ...right, aud: 'other' },
        { ...right, nbf: seconds() + 60 },
      ]) {
        await expect(verifier.verify(await sign('EdDSA', privateKey, wrong))).rejects.toThrow(TokenError);
      }
    });
  });

  it('throws nothing but TokenError on any text, and on any claims under a good signature', async () => {
    const { verifier } = await authWith();
    const verdictOn = async (token: string): Promise<string> => {
      try {
        return typeof (await verifier.verify(token)).userId === 'string' ? 'taken' : 'taken without a user';
      } catch (error) {
        return error instanceof TokenError ? 'refused' : String(error);
      }
    };
    const claims = fc.oneof(
      fc.jsonValue(),
      fc.record(
        { sub: fc.jsonValue(), exp: fc.jsonValue(), nbf: fc.jsonValue(), rooms: fc.jsonValue(), scope: fc.jsonValue() },
        { requiredKeys: [] },
      ),
    );
    const tokens = fc.oneof(
      fc.string(),
      fc.array(fc.base64String(), { minLength: 3, maxLength: 3 }).map((parts) => parts.join('.')),
      claims.map((payload) => forge(HS256, payload)),
      fc
        .dictionary(fc.constantFrom('alg', 'kid', 'typ', 'crit', 'b64', 'jwk'), fc.jsonValue())
        .map((header) => forge(header, {})),
    );
    await fc.assert(
      fc.asyncProperty(tokens, async (token) => expect(['taken', 'refused']).toContain(await verdictOn(token))),
      { numRuns: 500 },
    );
  });
});

describe('TokenIssuer', () => {
  it('makes tokens that the verifier takes, with what the settings ask for', async () => {
    const { verifier, issuer } = await authWith({
      jwtSecret: SECRET,
      jwtUserClaim: 'userId',
      jwtIssuer: 'me',
      jwtAudience: 'rookery',
    });
    const token = issuer.issue({ userId: 'bob', rooms: ['chat:*'], admin: true, lifetimeSeconds: 60 });
    const principal = await verifier.verify(token);
    expect(principal).toMatchObject({ userId: 'bob', admin: true });
    expect(principal.expiresAt).toBeLessThanOrEqual(Date.now() + 60_000);
    expect(principal.grants.allows('join', 'chat:1')).toBe(true);
  });

  it('leaves the default grants to tokens without rooms', async () => {
    const { verifier, issuer } = await authWith({ jwtSecret: SECRET, defaultGrants: ['lobby'] });
    const principal = await verifier.verify(issuer.issue({ userId: 'bob' }));
    expect(principal).toMatchObject({ userId: 'bob', admin: false });
    expect(principal.grants.allows('join', 'lobby')).toBe(true);
  });

  it('refuses where only the issuer elsewhere can sign', async () => {
    const { publicKey } = generateKeyPairSync('ed25519');
    const { issuer } = await authWith({ jwtPublicKey: pemOf(publicKey) });
    expect(() => issuer.issue({ userId: 'bob' })).toThrow('JWT_SECRET');
  });
});
