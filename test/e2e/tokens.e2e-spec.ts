import { generateKeyPairSync } from 'node:crypto';

import type { RookeryOptionsInput } from '../../src/config/rookery.options.js';
import { compact, goodClaims, hs256, rs256, unsigned } from '../support/forged-tokens.js';
import { SECRET, startServer } from '../support/server.js';
import { startIssuer } from '../support/issuer.js';
import { verdict } from '../support/verdict.js';

const HS256 = { alg: 'HS256', typ: 'JWT' };
const seconds = (): number => Math.floor(Date.now() / 1000);

describe('a token under a secret', () => {
  it('is good when its signature and its claims are', async () => {
    const server = await startServer();

    expect(await verdict(server, compact(HS256, goodClaims(), hs256(SECRET)))).toBe(101);
  });

  it.each<[string, string]>([
    ['alg none', compact({ alg: 'none' }, goodClaims(), unsigned)],
    ['alg None in other letters', compact({ alg: 'nOnE' }, goodClaims(), unsigned)],
    ['no alg', compact({ typ: 'JWT' }, goodClaims(), hs256(SECRET))],
    ['an alg that is a list', compact({ alg: ['HS256'] }, goodClaims(), hs256(SECRET))],
    ['HS512, which is not the pinned one', compact({ alg: 'HS512' }, goodClaims(), hs256(SECRET))],
    ['no signature', compact(HS256, goodClaims(), unsigned)],
    ['the signature of another secret', compact(HS256, goodClaims(), hs256('another secret of thirty-two characters'))],
    ['a critical extension', compact({ ...HS256, crit: ['b64'], b64: false }, goodClaims(), hs256(SECRET))],
    ['an empty list of critical extensions', compact({ ...HS256, crit: [] }, goodClaims(), hs256(SECRET))],
    ['four parts', `${compact(HS256, goodClaims(), hs256(SECRET))}.x`],
    ['a header that is no object', compact(['HS256'], goodClaims(), hs256(SECRET))],
  ])('is refused with %s', async (_what, token) => {
    const server = await startServer();

    expect(await verdict(server, token)).toBe(401);
  });

  it.each<[string, object]>([
    ['no exp', { exp: undefined }],
    ['an exp that is text', { exp: String(seconds() + 3600) }],
    ['an exp of null', { exp: null }],
    ['an exp in the past', { exp: seconds() - 60 }],
    ['an nbf in the future', { nbf: seconds() + 3600 }],
    ['an nbf that is text', { nbf: 'now' }],
    ['no user', { sub: undefined }],
    ['an empty user', { sub: '' }],
    ['a user with a line break', { sub: 'alice\nadmin' }],
    ['a user that is an object', { sub: { name: 'alice' } }],
    ['a user of 129 characters', { sub: 'x'.repeat(129) }],
    ['rooms that are no list', { rooms: '*' }],
    ['rooms with an unknown action', { rooms: [{ pattern: '*', can: ['everything'] }] }],
    ['a room without a pattern', { rooms: [{ can: ['join'] }] }],
  ])('is refused with %s', async (_what, claims) => {
    const server = await startServer();

    expect(await verdict(server, compact(HS256, { ...goodClaims(), ...claims }, hs256(SECRET)))).toBe(401);
  });

  it.each<[string, RookeryOptionsInput, object, number]>([
    ['iss is another one', { jwtIssuer: 'https://issuer' }, { iss: 'https://issuer.evil' }, 401],
    ['iss is missing', { jwtIssuer: 'https://issuer' }, {}, 401],
    ['iss is right', { jwtIssuer: 'https://issuer' }, { iss: 'https://issuer' }, 101],
    ['aud is another one', { jwtAudience: 'rookery' }, { aud: 'billing' }, 401],
    ['aud is missing', { jwtAudience: 'rookery' }, {}, 401],
    ['aud is a list without it', { jwtAudience: 'rookery' }, { aud: ['billing', 'rookery2'] }, 401],
    ['aud is a list with it', { jwtAudience: 'rookery' }, { aud: ['billing', 'rookery'] }, 101],
    ['clocks are apart within the skew', { jwtClockSkewMs: 60_000 }, { nbf: seconds() + 30 }, 101],
    ['clocks are apart beyond the skew', { jwtClockSkewMs: 0 }, { nbf: seconds() + 3600 }, 401],
  ])('is judged by what the options ask for: %s', async (_what, options, claims, status) => {
    const server = await startServer(options);

    expect(await verdict(server, compact(HS256, { ...goodClaims(), ...claims }, hs256(SECRET)))).toBe(status);
  });
});

describe('a token that brings its own key', () => {
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const jwk = { ...publicKey.export({ format: 'jwk' }), kid: 'mine', alg: 'RS256', use: 'sig' };

  it.each(['jwk', 'jku', 'x5u', 'x5c'])('by %s is refused, and nobody is asked', async (parameter) => {
    const attacker = await startIssuer(jwk);
    const issuer = await startIssuer();
    const server = await startServer({ jwksUrl: issuer.url });
    const brought = {
      jwk,
      jku: attacker.url,
      x5u: attacker.url,
      x5c: [publicKey.export({ format: 'der', type: 'spki' }).toString('base64')],
    };
    const header = { alg: 'RS256', kid: 'mine', [parameter]: brought[parameter as keyof typeof brought] };

    expect(await verdict(server, compact(header, goodClaims(), rs256(privateKey)))).toBe(401);
    expect(attacker.fetches()).toBe(0);
  });
});
