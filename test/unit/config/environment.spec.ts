import * as fc from 'fast-check';

import {
  EnvironmentError,
  environmentName,
  environmentOptions,
  optionsFromEnvironment,
} from '../../../src/config/environment.js';

/** What becomes of a variable, in a word; anything unforeseen is told as it is. */
function verdictOn(name: string, text: string): string {
  try {
    return Object.keys(optionsFromEnvironment({ [name]: text })).length === 1 ? 'read' : 'lost';
  } catch (error) {
    if (!(error instanceof EnvironmentError)) throw error;
    return /^[A-Z_]+ must be [a-zA-Z, ]+$/.test(error.message) ? 'refused' : error.message;
  }
}

describe('environmentName', () => {
  it('is the option’s name in capitals', () => {
    expect(['port', 'maxMessageBytes', 'jwksUrl', 'nodeEnv'].map(environmentName)).toStrictEqual([
      'PORT',
      'MAX_MESSAGE_BYTES',
      'JWKS_URL',
      'NODE_ENV',
    ]);
  });

  it('gives each option a name of its own', () => {
    const names = environmentOptions().map(environmentName);
    expect(new Set(names).size).toBe(names.length);
    for (const name of names) expect(name).toMatch(/^[A-Z]+(?:_[A-Z]+)*$/);
  });

  it('leaves out what only a program can give', () => {
    expect(environmentOptions()).not.toContain('rooms');
    expect(optionsFromEnvironment({ ROOMS: '[]' })).toStrictEqual({});
  });
});

describe('optionsFromEnvironment', () => {
  it('takes nothing from an environment that says nothing', () => {
    expect(optionsFromEnvironment({})).toStrictEqual({});
    expect(optionsFromEnvironment({ PORT: '', MAX_ROOMS: '3', port: '4', PATH: '/bin' })).toStrictEqual({});
  });

  it.each([
    ['3000', 3000],
    ['0', 0],
    ['1_048_576', 1_048_576],
    ['1e3', 1000],
  ])('reads the number %j', (text, value) => {
    expect(optionsFromEnvironment({ OUTBOX_BYTES: text })).toStrictEqual({ outboxBytes: value });
  });

  it.each(['many', ' ', '12 MB', 'NaN', 'Infinity', '1,5'])('refuses %j where a number is needed', (text) => {
    expect(() => optionsFromEnvironment({ OUTBOX_BYTES: text })).toThrow(
      new EnvironmentError('OUTBOX_BYTES must be a number'),
    );
  });

  it.each([
    ['true', true],
    ['TRUE', true],
    ['1', true],
    ['yes', true],
    [' on ', true],
    ['false', false],
    ['0', false],
    ['No', false],
    ['off', false],
  ])('reads the flag %j, with and without a default', (text, value) => {
    expect(optionsFromEnvironment({ REQUIRE_ORIGIN: text, DOCS: text, METRICS_PUBLIC: text })).toStrictEqual({
      requireOrigin: value,
      docs: value,
      metricsPublic: value,
    });
  });

  it('refuses what is no flag', () => {
    expect(() => optionsFromEnvironment({ DOCS: 'maybe' })).toThrow(new EnvironmentError('DOCS must be true or false'));
  });

  it('reads lists separated by commas', () => {
    expect(optionsFromEnvironment({ ALLOWED_ORIGINS: ' https://a.example, https://b.example ,' })).toStrictEqual({
      allowedOrigins: ['https://a.example', 'https://b.example'],
    });
  });

  it.each([
    ['chat:*, news', ['chat:*', 'news']],
    ['["chat:*",{"pattern":"news","can":["join"]}]', ['chat:*', { pattern: 'news', can: ['join'] }]],
    [' [] ', []],
  ])('reads the grants %j', (text, grants) => {
    expect(optionsFromEnvironment({ DEFAULT_GRANTS: text })).toStrictEqual({ defaultGrants: grants });
  });

  it('names the variable when its grants cannot be read', () => {
    expect(() => optionsFromEnvironment({ DEFAULT_GRANTS: '["chat:*"' })).toThrow(/^DEFAULT_GRANTS /);
  });

  it('reads a public key that was written in one line', () => {
    const line = String.raw`-----BEGIN PUBLIC KEY-----\nMCow\n-----END PUBLIC KEY-----`;
    expect(optionsFromEnvironment({ JWT_PUBLIC_KEY: line })).toStrictEqual({
      jwtPublicKey: '-----BEGIN PUBLIC KEY-----\nMCow\n-----END PUBLIC KEY-----',
    });
  });

  it('takes texts as they are', () => {
    const texts = { JWT_SECRET: ' 0123\\n, ', WS_PATH: '/live', TRUST_PROXY: '1', HOST: 'localhost' };
    expect(optionsFromEnvironment(texts)).toStrictEqual({
      jwtSecret: ' 0123\\n, ',
      wsPath: '/live',
      trustProxy: '1',
      host: 'localhost',
    });
  });

  it('throws nothing but EnvironmentError, whatever a variable says, and tells its name and not its value', () => {
    const names = fc.constantFrom(...environmentOptions().map(environmentName));
    fc.assert(
      fc.property(names, fc.string({ minLength: 1 }), (name, text) =>
        expect(['read', 'refused']).toContain(verdictOn(name, text)),
      ),
      { numRuns: 500 },
    );
  });
});
