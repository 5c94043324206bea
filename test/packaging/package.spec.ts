import { execFile } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';

import { plainClient } from '../support/plain-client.js';
import { startProcess } from '../support/process.js';
import { BUILD_PATIENCE_MS, PROJECT, copyProject, environment, npm, removeProject } from '../support/project.js';

const TEST_MS = 180_000;
const FIXTURES = join(PROJECT, 'test', 'packaging', 'fixtures');

const DOCUMENTS = new Set(['package.json', 'LICENSE', 'README.md', 'PROTOCOL.md', 'ARCHITECTURE.md', 'CHANGELOG.md']);

const run = promisify(execFile);

interface Lock {
  readonly packages: Readonly<Record<string, { readonly dev?: boolean; readonly devOptional?: boolean }>>;
}

/** The project's packages that come along with the package itself, without what only its developers need. */
function installedWithIt(): string[] {
  const { packages } = JSON.parse(readFileSync(join(PROJECT, 'package-lock.json'), 'utf8')) as Lock;
  return Object.entries(packages)
    .filter(([path, { dev, devOptional }]) => /^node_modules\/(@[^/]+\/)?[^/]+$/.test(path) && !dev && !devOptional)
    .map(([path]) => path.replace('node_modules/', ''))
    .filter((name) => existsSync(join(PROJECT, 'node_modules', name)));
}

/** Rejects with what the compiler says. */
async function compile(folder: string): Promise<void> {
  const compiler = join(PROJECT, 'node_modules', 'typescript', 'bin', 'tsc');
  const { stdout } = await run(process.execPath, [compiler, '-p', folder]).catch((error: { stdout: string }) => error);
  if (stdout !== '') throw new Error(stdout);
}

describe('the package that npm pack makes', () => {
  let project: string;
  let unpacked: string;
  let files: string[];
  const folders: string[] = [];

  beforeAll(async () => {
    project = await copyProject();
    // As from a fresh clone: the compiler leaves alone what it made of sources that are no more.
    rmSync(join(project, 'dist'), { recursive: true });
    const tarball = (await npm(project, 'pack', '--silent')).trim();
    await run('tar', ['-xzf', tarball], { cwd: project });
    unpacked = join(project, 'package');
    files = readdirSync(unpacked, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map(({ parentPath, name }) => join(parentPath, name).slice(unpacked.length + 1));
  }, BUILD_PATIENCE_MS);

  afterAll(() => {
    removeProject(project);
    for (const folder of folders) rmSync(folder, { recursive: true });
  });

  /** A folder in which the package and the packages given are installed, with files of an application's own. */
  function application(fixture: string, packages: readonly string[]): string {
    const folder = mkdtempSync(join(tmpdir(), 'rookery-application-'));
    folders.push(folder);
    cpSync(join(FIXTURES, fixture), folder, { recursive: true });
    cpSync(unpacked, join(folder, 'node_modules', 'rookery'), { recursive: true });
    for (const name of new Set(packages)) {
      const link = join(folder, 'node_modules', name);
      mkdirSync(dirname(link), { recursive: true });
      symlinkSync(join(PROJECT, 'node_modules', name), link);
    }
    writeFileSync(join(folder, 'package.json'), '{ "type": "module", "private": true }');
    return folder;
  }

  it('holds what was built, the documents, and nothing else', () => {
    const others = files.filter((file) => !/^dist\/[\w./-]+\.(js|js\.map|d\.ts)$/.test(file));
    expect(others.filter((file) => !DOCUMENTS.has(file))).toEqual([]);
    expect(others).toEqual(expect.arrayContaining(['package.json', 'LICENSE']));
    expect(files.filter((file) => /test|spec|fixture|bench|example/i.test(file))).toEqual([]);
  });

  it('holds what each source was made into, and nothing of sources that are no more', () => {
    const built = files.filter((file) => file.endsWith('.js'));
    const sources = readdirSync(join(project, 'src'), { recursive: true, encoding: 'utf8' });
    const expected = sources.filter((file) => file.endsWith('.ts')).map((file) => `dist/${file.replace(/ts$/, 'js')}`);
    expect(built.toSorted()).toEqual(expected.toSorted());
  });

  it(
    'is imported by another Nest application, with types, and runs there',
    async () => {
      const folder = application('application', [...installedWithIt(), '@types/node']);
      await compile(folder);

      const server = startProcess({}, { main: join(folder, 'main.js') });
      await server.port();
      const client = await plainClient(server.output().trim());
      expect(await client.next('user:message')).toMatchObject({ payload: { data: { connections: 1 } } });
      expect(await client.request('join', 'any')).toMatchObject({ type: 'room:joined' });
      expect(await client.request('order:watch', { order: 7 })).toMatchObject({
        type: 'order:watched',
        payload: { order: 7, by: 'alice' },
      });
      expect(await client.request('order:watch', { order: 'x' })).toMatchObject({
        type: 'error',
        payload: { code: 'INVALID_PAYLOAD', details: { field: 'order' } },
      });
      server.kill('SIGTERM');
      expect(await client.closed).toMatchObject({ code: 1001 });
      await server.exited;
    },
    TEST_MS,
  );

  it(
    'gives its protocol to a client that has neither Nest nor anything else',
    async () => {
      const folder = application('client', []);
      await compile(folder);
      const { stdout } = await run(process.execPath, ['main.js'], { cwd: folder, env: environment() });
      expect(stdout).toBe('rookery.v1.json 4403 Not allowed\n');
    },
    TEST_MS,
  );
});
