import {
  Authenticator,
  TokenMissingError,
  bearerOf,
  credentialsOf,
  type Credentials,
} from '../../../src/auth/authenticator.js';
import { Grants } from '../../../src/auth/grants.js';
import type { Principal } from '../../../src/auth/principal.js';
import { TokenError, type TokenVerifier } from '../../../src/auth/token-verifier.js';
import { Tickets } from '../../../src/auth/tickets.js';
import { Revocations } from '../../../src/auth/revocations.js';
import { LocalCluster } from '../../../src/cluster/local.cluster.js';
import { resolveOptions } from '../../../src/config/resolve-options.js';
import type { RookeryOptionsInput } from '../../../src/config/rookery.options.js';

const verified: Principal = { userId: 'from-token', admin: true, grants: Grants.NONE };
const verifier: TokenVerifier = {
  verify: (token) => (token === 'good' ? Promise.resolve(verified) : Promise.reject(new TokenError('bad'))),
};

/** An authenticator that takes its time for everything. */
function authenticatorWith(options: RookeryOptionsInput = {}) {
  const resolved = resolveOptions(options);
  const cluster = new LocalCluster();
  const tickets = new Tickets(resolved, cluster);
  const authenticator = new Authenticator(resolved, verifier, new Revocations(resolved, cluster), tickets);
  return {
    authenticate: async (credentials: Credentials) => authenticator.authenticate(credentials),
    authenticateCall: async (token: string | undefined) => authenticator.authenticateCall(token),
  };
}

describe('credentialsOf', () => {
  const query = new URLSearchParams({ token: 'from-query', user_id: 'alice' });

  it('prefers the header, then the subprotocol, then the query', () => {
    const protocols = { 'sec-websocket-protocol': 'rookery.v1.json, bearer.from-subprotocol' };
    const all = { authorization: 'Bearer from-header', ...protocols };
    expect(credentialsOf(all, query).token).toBe('from-header');
    expect(credentialsOf(protocols, query).token).toBe('from-subprotocol');
    expect(credentialsOf({}, query)).toStrictEqual({ token: 'from-query', userId: 'alice' });
    expect(credentialsOf({}, new URLSearchParams())).toStrictEqual({});
  });

  it.each([
    ['Bearer abc.def-_~+/==', 'abc.def-_~+/=='],
    ['bearer   abc', 'abc'],
    ['Basic abc', undefined],
    ['Bearer', undefined],
    ['Bearer ', undefined],
    ['Bearer a b', undefined],
    ['Bearer a\u0000', undefined],
    ['xBearer abc', undefined],
  ])('reads the header %j', (authorization, token) => {
    expect(bearerOf({ authorization })).toBe(token);
  });
});

describe('Authenticator', () => {
  it('asks the verifier about a token, and needs one', async () => {
    const authenticator = authenticatorWith();
    await expect(authenticator.authenticate({ token: 'good' })).resolves.toBe(verified);
    await expect(authenticator.authenticate({ token: 'other' })).rejects.toThrow(TokenError);
    await expect(authenticator.authenticate({ userId: 'alice' })).rejects.toThrow(TokenMissingError);
    await expect(authenticator.authenticateCall(undefined)).rejects.toThrow(TokenMissingError);
  });

  describe('on a trusted network', () => {
    it('believes the name that a client gives, with the default grants', async () => {
      const principal = await authenticatorWith({ auth: 'none', defaultGrants: ['inbox:{sub}'] }).authenticate({
        userId: 'alice',
      });
      expect(principal).toMatchObject({ userId: 'alice', admin: false });
      expect(principal.expiresAt).toBeUndefined();
      expect(principal.grants.allows('join', 'inbox:alice')).toBe(true);
      expect(principal.grants.allows('join', 'inbox:bob')).toBe(false);
    });

    it('makes up a name for a client without one, another one each time', async () => {
      const authenticator = authenticatorWith({ auth: 'none' });
      const [one, two] = await Promise.all([authenticator.authenticate({}), authenticator.authenticate({})]);
      expect(one.userId).toMatch(/^guest-[\w-]{8}$/);
      expect(two.userId).not.toBe(one.userId);
    });

    it.each(['', 'a\nb', 'u'.repeat(129)])('refuses the name %j', async (userId) => {
      await expect(authenticatorWith({ auth: 'none' }).authenticate({ userId })).rejects.toThrow(TokenError);
    });

    it('ignores tokens without a key, so that nobody becomes an administrator by a made-up one', async () => {
      const principal = await authenticatorWith({ auth: 'none' }).authenticate({ token: 'good', userId: 'alice' });
      expect(principal).toMatchObject({ userId: 'alice', admin: false });
    });

    it('takes tokens where a key is set for them', async () => {
      const authenticator = authenticatorWith({ auth: 'none', jwtSecret: 'x'.repeat(32) });
      await expect(authenticator.authenticate({ token: 'good' })).resolves.toBe(verified);
      await expect(authenticator.authenticate({ token: 'other', userId: 'alice' })).rejects.toThrow(TokenError);
    });

    it('takes a REST call without a token for the network’s own', async () => {
      const caller = await authenticatorWith({ auth: 'none' }).authenticateCall(undefined);
      expect(caller).toMatchObject({ userId: '', admin: false });
    });
  });
});
