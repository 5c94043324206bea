import { execFile } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { TokenIssuer } from '../../src/auth/token-issuer.js';
import { compact, hs256 } from '../support/forged-tokens.js';
import { SECRET, startServer } from '../support/server.js';
import { cleanUp } from '../support/teardown.js';

const COMMAND = fileURLToPath(new URL('../../dist/token.js', import.meta.url));

interface Result {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the command that `npm run token` runs, in an empty folder, with nothing but these settings. */
function token(args: readonly string[], settings: Readonly<Record<string, string>> = {}, dotenv = ''): Promise<Result> {
  const cwd = mkdtempSync(join(tmpdir(), 'rookery-token-'));
  cleanUp(() => rmSync(cwd, { recursive: true }));
  writeFileSync(join(cwd, '.env'), dotenv);
  return new Promise((resolve) => {
    const child = execFile(process.execPath, [COMMAND, ...args], { cwd, env: { ...settings } }, (_, stdout, stderr) =>
      resolve({ code: child.exitCode, stdout, stderr }),
    );
  });
}

const read = (part: string): unknown => JSON.parse(Buffer.from(part, 'base64url').toString());

function parts(text: string): readonly [unknown, Record<string, unknown>] {
  const [header = '', claims = ''] = text.split('.');
  return [read(header), read(claims) as Record<string, unknown>];
}

/** Packages that a file of the build loads, by itself and by the files that it imports. */
function packagesOf(file: string, seen = new Set<string>()): Set<string> {
  const packages = new Set<string>();
  if (seen.has(file)) return packages;
  seen.add(file);
  for (const [, specifier = ''] of readFileSync(file, 'utf8').matchAll(/(?:^import|from) ['"]([^'"]+)['"]/gm)) {
    if (!specifier.startsWith('.')) packages.add(specifier);
    else for (const name of packagesOf(join(file, '..', specifier), seen)) packages.add(name);
  }
  return packages;
}

describe('the command for tokens', () => {
  it('makes the token that the server’s own issuer makes', async () => {
    const settings = { jwtIssuer: 'https://issuer', jwtAudience: 'rookery', jwtUserClaim: 'name' };
    const server = await startServer(settings);
    const issued = server.app
      .get(TokenIssuer, { strict: false })
      .issue({ userId: 'alice', rooms: ['chat:*', 'news'], admin: true, lifetimeSeconds: 60 });
    const { code, stdout, stderr } = await token(
      ['--sub', 'alice', '--room', 'chat:*', '--room', 'news', '--admin', '--ttl', '60'],
      { JWT_ISSUER: settings.jwtIssuer, JWT_AUDIENCE: settings.jwtAudience, JWT_USER_CLAIM: settings.jwtUserClaim },
      `JWT_SECRET="${SECRET}"\n`,
    );
    expect({ code, stderr }).toStrictEqual({ code: 0, stderr: '' });

    const [header, claims] = parts(stdout.trim());
    const [itsHeader, itsClaims] = parts(issued);
    expect(header).toStrictEqual(itsHeader);
    expect({ ...claims, iat: 0, exp: 0 }).toStrictEqual({ ...itsClaims, iat: 0, exp: 0 });
    expect(Number(claims['exp']) - Number(claims['iat'])).toBe(60);
    expect(stdout).toBe(`${compact(header as object, claims, hs256(SECRET))}\n`);
  });

  it('grants what is the default, for twelve hours, where it is told nothing but the user', async () => {
    const { stdout } = await token(['--sub', 'alice'], { JWT_SECRET: SECRET });
    const [, { iat, exp, ...others }] = parts(stdout);
    expect(others).toStrictEqual({ sub: 'alice' });
    expect(Number(exp) - Number(iat)).toBe(12 * 3600);
  });

  it.each<[string, string[], string]>([
    ['no user', [], '--sub is missing'],
    ['an empty user', ['--sub', ''], '--sub must be 1 to 128 characters'],
    ['a user with a line break', ['--sub', 'alice\nadmin'], 'none of them a control character'],
    ['an option that there is not', ['--sub', 'alice', '--user', 'bob'], 'There is an unknown option'],
    ['an option without its value', ['--sub'], 'need a value'],
    ['what npm leaves of options without two dashes', ['alice'], 'npm passes options on only after two dashes'],
    ['a lifetime of no whole seconds', ['--sub', 'alice', '--ttl', '1.5'], '--ttl must be a whole number of seconds'],
    ['a lifetime of zero', ['--sub', 'alice', '--ttl', '0'], '--ttl must be a whole number of seconds'],
  ])('refuses %s in a sentence, and shows how it is used', async (_what, args, sentence) => {
    const { code, stdout, stderr } = await token(args);
    expect({ code, stdout }).toStrictEqual({ code: 1, stdout: '' });
    expect(stderr).toContain(sentence);
    expect(stderr).toContain('npm run token -- --sub alice');
    expect(stderr).not.toMatch(/\n\s+at |bob/);
  });

  it('shows how it is used when it is asked to', async () => {
    const { code, stdout } = await token(['--help']);
    expect(code).toBe(0);
    expect(stdout).toContain('npm run token -- --sub alice');
  });

  const { publicKey } = generateKeyPairSync('ed25519');
  const pem = publicKey.export({ format: 'pem', type: 'spki' }).toString();

  it.each<[string, Record<string, string>, string]>([
    ['a public key', { JWT_PUBLIC_KEY: pem }, 'JWT_PUBLIC_KEY only verifies tokens'],
    ['an issuer’s key set', { JWKS_URL: 'https://issuer.example/keys' }, 'JWKS_URL only verifies tokens'],
    ['no key in production', { NODE_ENV: 'production' }, 'JWT_SECRET is missing'],
    ['a secret that is too short', { JWT_SECRET: 'far-too-short' }, 'JWT_SECRET'],
    ['a setting that cannot be read', { PORT: 'x' }, 'PORT must be a number'],
  ])('refuses in a sentence where there is %s', async (_what, settings, sentence) => {
    const { code, stdout, stderr } = await token(['--sub', 'alice'], settings);
    expect({ code, stdout }).toStrictEqual({ code: 1, stdout: '' });
    expect(stderr).toContain(sentence);
    expect(stderr).not.toMatch(/\n\s+at |far-too-short/);
  });

  it('loads nothing of Nest, which would take longer than all the rest', () => {
    const packages = [...packagesOf(COMMAND)];
    expect(packages).toEqual(expect.arrayContaining(['class-validator', 'jose/jwt/sign']));
    expect(packages.filter((name) => /^@nestjs\/|^rxjs/.test(name))).toStrictEqual([]);
  });
});
