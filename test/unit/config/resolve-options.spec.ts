import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { SettingsError, resolveOptions } from '../../../src/config/resolve-options.js';
import { RookeryOptions, type RookeryOptionsInput } from '../../../src/config/rookery.options.js';
import { AMPLE_MEMORY } from '../../support/memory.js';
import { cleanUp } from '../../support/teardown.js';

const SECRET = 'thirty-two characters and more, only for this';

function problemsOf(input: object): readonly string[] {
  try {
    resolveOptions(input);
  } catch (error) {
    if (error instanceof SettingsError) return error.problems;
    throw error;
  }
  return [];
}

function roomsFile(text: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'rookery-'));
  cleanUp(() => rmSync(folder, { recursive: true }));
  const path = join(folder, 'rooms.json');
  writeFileSync(path, text);
  return path;
}

describe('resolveOptions', () => {
  it('needs nothing', () => {
    expect(resolveOptions({}, AMPLE_MEMORY)).toStrictEqual(
      Object.assign(new RookeryOptions(), {
        host: '127.0.0.1',
        docs: true,
        exampleChat: true,
        metricsPublic: true,
        defaultGrants: ['*', { pattern: '@user:*', can: ['publish'] }],
      }),
    );
  });

  it('is closed in production', () => {
    expect(resolveOptions({ nodeEnv: 'production', jwtSecret: SECRET })).toMatchObject({
      host: '0.0.0.0',
      docs: false,
      exampleChat: false,
      metricsPublic: false,
      defaultGrants: [],
    });
  });

  it('puts what is given over the defaults, and takes undefined for not given', () => {
    const input: RookeryOptionsInput = { port: 0, docs: false, defaultGrants: ['news'], rateLimit: 7 };
    const given: object = { ...input, wsPath: undefined };
    expect(resolveOptions(given)).toMatchObject({ ...input, wsPath: '/ws' });
    expect(given).toStrictEqual({ ...input, wsPath: undefined });
  });

  it('takes origins as browsers send them', () => {
    const allowedOrigins = [
      'https://a.example',
      'http://localhost:5173',
      'http://[::1]:3000',
      'null',
      'file://',
      'capacitor://localhost',
      'chrome-extension://abcdefghijklmnop',
    ];
    expect(resolveOptions({ allowedOrigins }).allowedOrigins).toStrictEqual(allowedOrigins);
  });

  it('takes 0 for no bound', () => {
    const unbounded = { maxMessageBytes: 0, maxConnections: 0, rateLimit: 0, outboxBytes: 0, historyMaxBytes: 0 };
    expect(resolveOptions(unbounded)).toMatchObject(unbounded);
  });

  it.each<[string, object, string]>([
    ['a port', { port: 65_536 }, 'PORT'],
    ['a fraction', { rateBurst: 1.5 }, 'RATE_BURST'],
    ['a negative number', { historySize: -1 }, 'HISTORY_SIZE'],
    ['a path', { wsPath: 'ws' }, 'WS_PATH'],
    ['a path with a query', { wsPath: '/ws?x=1' }, 'WS_PATH'],
    ['a short secret', { jwtSecret: 'too short' }, 'JWT_SECRET'],
    ['a key that is none', { jwtPublicKey: 'ssh-rsa AAAA' }, 'JWT_PUBLIC_KEY'],
    ['an address that is none', { jwksUrl: 'issuer/keys' }, 'JWKS_URL'],
    ['an environment', { nodeEnv: 'staging' }, 'NODE_ENV'],
    ['a kind of authentication', { auth: 'basic' }, 'AUTH'],
    ['a log level', { logLevel: 'loud' }, 'LOG_LEVEL'],
    ['origins that are no list', { allowedOrigins: 'https://a.example' }, 'ALLOWED_ORIGINS'],
    ['every origin by a star', { allowedOrigins: ['*'] }, 'ALLOWED_ORIGINS'],
    ['a star in an origin', { allowedOrigins: ['https://*.example'] }, 'ALLOWED_ORIGINS'],
    ['an origin with a path', { allowedOrigins: ['https://a.example', 'https://b.example/'] }, 'ALLOWED_ORIGINS'],
    ['a host for an origin', { allowedOrigins: ['a.example:8080'] }, 'ALLOWED_ORIGINS'],
    ['an origin as no browser writes it', { allowedOrigins: ['https://A.example'] }, 'ALLOWED_ORIGINS'],
    ['a text for a flag', { requireOrigin: 'yes' }, 'REQUIRE_ORIGIN'],
    ['an option that does not exist', { maxRooms: 3 }, 'MAX_ROOMS'],
  ])('refuses %s, and names the setting', (_what, input, name) => {
    const problems = problemsOf(input);
    expect(problems).toHaveLength(1);
    expect(problems[0]).toMatch(new RegExp(`^${name}: `));
  });

  it('tells all problems at once, and no secret', () => {
    const error = new SettingsError(problemsOf({ port: -1, jwtSecret: 'hunter2', rateLimit: -1 }));
    expect(error.problems).toHaveLength(3);
    expect(error.message).toContain('PORT');
    expect(error.message).toContain('RATE_LIMIT');
    expect(error.message).not.toContain('hunter2');
  });

  describe('on contradictions', () => {
    it('needs a key in production, and says which setting is missing', () => {
      expect(problemsOf({ nodeEnv: 'production' })).toStrictEqual([expect.stringMatching(/^JWT_SECRET is missing/)]);
      expect(problemsOf({ nodeEnv: 'production', auth: 'none' })).toStrictEqual([]);
      expect(problemsOf({ nodeEnv: 'production', jwksUrl: 'https://issuer.example/keys' })).toStrictEqual([]);
    });

    it('takes one key', () => {
      expect(problemsOf({ jwtSecret: SECRET, jwksUrl: 'https://issuer.example/keys' })).toStrictEqual([
        expect.stringContaining('JWT_SECRET and JWKS_URL exclude each other'),
      ]);
    });

    it('wants silence to last longer than a ping', () => {
      expect(problemsOf({ heartbeatIntervalMs: 60_000 })).toStrictEqual([
        expect.stringMatching(/^HEARTBEAT_TIMEOUT_MS and HEARTBEAT_INTERVAL_MS: /),
      ]);
      expect(problemsOf({ heartbeatIntervalMs: 0 })).toStrictEqual([]);
    });

    it('wants a stall to last as long as silence', () => {
      expect(problemsOf({ stallTimeoutMs: 59_999 })).toStrictEqual([
        expect.stringMatching(/^STALL_TIMEOUT_MS and HEARTBEAT_TIMEOUT_MS: /),
      ]);
    });

    it('wants the database of Redis to be a number', () => {
      expect(problemsOf({ redisUrl: 'redis://localhost/one' })).toStrictEqual([
        expect.stringMatching(/^REDIS_URL: the database must be a number/),
      ]);
      expect(problemsOf({ redisUrl: 'redis://localhost/1' })).toStrictEqual([]);
    });

    it('wants no database of a Redis Cluster', () => {
      for (const redisUrl of ['redis://localhost/1', 'redis://localhost?db=1']) {
        expect(problemsOf({ redisUrl, redisCluster: true })).toStrictEqual([
          expect.stringMatching(/^REDIS_CLUSTER and REDIS_URL: .* use REDIS_PREFIX/),
        ]);
      }
      expect(problemsOf({ redisUrl: 'redis://localhost/0', redisCluster: true })).toStrictEqual([]);
    });

    it('wants files for TLS to be readable, complete and of use', () => {
      const file = roomsFile('a certificate');
      expect(problemsOf({ redisUrl: 'redis://localhost', redisCaFile: file })).toStrictEqual([
        expect.stringMatching(/^REDIS_CA_FILE and REDIS_URL: /),
      ]);
      expect(problemsOf({ redisUrl: 'rediss://localhost', redisCertFile: file })).toStrictEqual([
        expect.stringMatching(/^REDIS_CERT_FILE and REDIS_KEY_FILE: /),
      ]);
      expect(problemsOf({ redisUrl: 'rediss://localhost', redisCaFile: '/nowhere/ca.pem' })).toStrictEqual([
        expect.stringMatching(/^REDIS_CA_FILE cannot be read: /),
      ]);
      expect(problemsOf({ redisUrl: 'rediss://localhost', redisCaFile: file })).toStrictEqual([]);
    });

    it('takes room rules from one place', () => {
      const problems = problemsOf({ roomsFile: roomsFile('[]'), rooms: [{ pattern: '*' }] });
      expect(problems).toStrictEqual([expect.stringContaining('ROOMS_FILE')]);
    });
  });

  it('resolveOptions reports wrong room rules of the code with all other problems', () => {
    expect(problemsOf({ port: -1, rooms: [{ pattern: '*', echo: 'yes' }], heartbeatIntervalMs: 60_000 })).toStrictEqual(
      [
        expect.stringMatching(/^PORT: /),
        expect.stringMatching(/^HEARTBEAT_TIMEOUT_MS and HEARTBEAT_INTERVAL_MS: /),
        'rooms: room rule 0: echo must be true or false',
      ],
    );
  });

  it('resolveOptions reports values of any wrong kind as problems that name the option', () => {
    for (const option of Object.keys(new RookeryOptions())) {
      for (const value of [null, {}, [null], Number.NaN, 'no such value', Symbol('wrong')]) {
        for (const problem of problemsOf({ [option]: value })) {
          expect(problem.toLowerCase().replaceAll('_', '')).toContain(option.toLowerCase());
        }
      }
    }
  });

  describe('with a file of room rules', () => {
    it('reads it', () => {
      const rules = [{ pattern: 'ticker:*', historySize: 0, overflow: 'keep-latest' }];
      expect(resolveOptions({ roomsFile: roomsFile(JSON.stringify(rules)) }).rooms).toStrictEqual(rules);
    });

    it.each([
      ['broken JSON', '[{', /^ROOMS_FILE cannot be read: /],
      ['no list', '{}', /^ROOMS_FILE: room rules must be a list$/],
      ['a broken rule', '[{"pattern":"*","echo":1}]', /^ROOMS_FILE: room rule 0: echo /],
    ])('refuses %s', (_what, text, problem) => {
      expect(problemsOf({ roomsFile: roomsFile(text) })).toStrictEqual([expect.stringMatching(problem)]);
    });

    it('refuses one that is not there', () => {
      expect(problemsOf({ roomsFile: '/nowhere/rooms.json' })).toStrictEqual([
        expect.stringMatching(/^ROOMS_FILE cannot be read: /),
      ]);
    });
  });
});
