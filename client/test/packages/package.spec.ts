import { execFile } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';

import { BUILD_PATIENCE_MS, PROJECT, environment, npm } from '../../../test/support/project.js';
import { startServer, tokenFor } from '../../../test/support/server.js';

const TEST_MS = 180_000;
const FIXTURE = join(PROJECT, 'client', 'test', 'packages', 'fixtures', 'application');

const run = promisify(execFile);

interface Manifest {
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly exports: Readonly<Record<string, unknown>>;
}

/** Resolves with what the compiler has to say. */
async function compile(folder: string, ...args: string[]): Promise<string> {
  const compiler = join(PROJECT, 'node_modules', 'typescript', 'bin', 'tsc');
  const { stdout } = await run(process.execPath, [compiler, '-p', folder, ...args]).catch(
    (error: { stdout: string }) => error,
  );
  return stdout;
}

describe('the package of the client that npm pack makes', () => {
  let folder: string;
  let unpacked: string;
  let files: string[];

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'rookery-client-'));
    await npm(join(PROJECT, 'client'), 'pack', '--silent', '--ignore-scripts', '--pack-destination', folder);
    const [tarball = ''] = readdirSync(folder);
    await run('tar', ['-xzf', tarball], { cwd: folder });
    unpacked = join(folder, 'package');
    files = readdirSync(unpacked, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map(({ parentPath, name }) => join(parentPath, name).slice(unpacked.length + 1));
  }, BUILD_PATIENCE_MS);

  afterAll(() => rmSync(folder, { recursive: true }));

  /** A folder in which the package and the packages given are installed, with a program of an application's own. */
  function application(packages: readonly string[]): string {
    const home = mkdtempSync(join(folder, 'application-'));
    cpSync(FIXTURE, home, { recursive: true });
    cpSync(unpacked, join(home, 'node_modules', '@rookery', 'client'), { recursive: true });
    for (const name of packages) {
      const link = join(home, 'node_modules', name);
      mkdirSync(dirname(link), { recursive: true });
      symlinkSync(join(PROJECT, 'node_modules', name), link);
    }
    writeFileSync(join(home, 'package.json'), '{ "type": "module", "private": true }');
    return home;
  }

  it('holds what was built, what describes it, and nothing else', () => {
    const built = files.filter((file) => /^dist\/(types\/)?[\w./-]+\.(js|js\.map|d\.ts)$/.test(file));
    const others = files.filter((file) => !built.includes(file));
    expect(others.toSorted()).toStrictEqual(['LICENSE', 'README.md', 'package.json']);
    expect(built).toEqual(
      expect.arrayContaining(['dist/index.js', 'dist/index.js.map', 'dist/index.d.ts', 'dist/rookery-client.min.js']),
    );
    expect(files.filter((file) => /test|spec|fixture/i.test(file))).toStrictEqual([]);
  });

  it('has no dependencies, and exports files that are there', () => {
    const manifest = JSON.parse(readFileSync(join(unpacked, 'package.json'), 'utf8')) as Manifest;
    expect(manifest.dependencies ?? {}).toStrictEqual({});
    const targets = [...JSON.stringify(manifest.exports).matchAll(/"\.\/([^"]+\.\w+)"/g)].map(([, target]) => target);
    expect(targets.length).toBeGreaterThan(0);
    expect(targets.filter((target = '') => target.startsWith('dist/') && !files.includes(target))).toStrictEqual([]);
  });

  it('imports nothing from outside itself, neither code nor types', () => {
    const outside = files
      .filter((file) => /\.(js|d\.ts)$/.test(file))
      .flatMap((file) => {
        const text = readFileSync(join(unpacked, file), 'utf8').replaceAll(/\/\*[^]*?\*\//g, '');
        const specifiers = [...text.matchAll(/(?:\bfrom|\bimport|\bimport\()\s*["']([^"']+)["']/g)];
        return specifiers
          .map(([, specifier = '']) => specifier)
          .filter((specifier) => !specifier.startsWith('.') || !isIn(file, specifier));
      });
    expect(outside).toStrictEqual([]);
  });

  const isIn = (file: string, specifier: string): boolean =>
    files.includes(join(dirname(file), specifier).replace(/\.js$/, '.d.ts'));

  it.each([
    ['of browsers', [], ['--lib', 'ES2023,DOM']],
    ['of Node', ['@types/node', 'undici-types'], ['--lib', 'ES2023', '--types', 'node']],
  ])(
    'has types that pass the strictest check beside those %s',
    async (_what, packages, args) => {
      expect(await compile(application(packages), '--noEmit', ...args)).toBe('');
    },
    TEST_MS,
  );

  it(
    'runs in an application that has ws and nothing else',
    async () => {
      const home = application(['ws']);
      expect(await compile(home, '--lib', 'ES2023,DOM')).toBe('');
      const server = await startServer();
      const { stdout } = await run(process.execPath, ['main.js', server.ws, tokenFor()], {
        cwd: home,
        env: environment(),
      });
      expect(stdout).toBe('alice hello\n');
    },
    TEST_MS,
  );
});
