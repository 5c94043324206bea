import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';

import { plainClient } from '../support/plain-client.js';
import { startProcess } from '../support/process.js';
import { PROJECT, removeProject } from '../support/project.js';
import { cleanUp } from '../support/teardown.js';
import {
  FIXTURES,
  build,
  install,
  jest,
  run,
  typeErrors,
  vitest,
  write,
  type Format,
  type Installed,
  type Major,
  type ModuleSettings,
} from './application.js';
import { pack, type Packed } from './packed.js';

const DOCUMENTS = new Set(['package.json', 'LICENSE', 'README.md', 'PROTOCOL.md', 'ARCHITECTURE.md', 'CHANGELOG.md']);

const NODE16: ModuleSettings = ['node16', 'node16'];
const BUNDLER: ModuleSettings = ['preserve', 'bundler'];
/** Setting of applications that `nest new` made before Nest 11. */
const NODE10: ModuleSettings = ['commonjs', 'node10'];

/** Result when every test of the application passes: service, policy, gateway, and a key that needs jose. */
const ALL_PASS = { numPassedTests: 4, numFailedTests: 0 };

const VM_MODULES = '--experimental-vm-modules';
/** Test runners that `nest new` sets up. */
const RUNNERS: Readonly<Record<Format, string>> = { commonjs: 'jest', esm: 'vitest' };
/** From Node 24.9 on, jest loads ES modules by `require`. */
const [MAJOR = 0, MINOR = 0] = process.versions.node.split('.').map(Number);
const JEST_REQUIRES_ESM = MAJOR > 24 || (MAJOR === 24 && MINOR >= 9);

let packed: Packed;
let installed: Readonly<Record<Major, Installed>>;

const applications = mkdtempSync(join(tmpdir(), 'rookery-applications-'));

beforeAll(async () => {
  packed = await pack();
  const installFor = (major: Major): Promise<Installed> => install(major, packed.tarball, join(applications, major));
  const [nest11, nest12] = await Promise.all([installFor('nest11'), installFor('nest12')]);
  installed = { nest11, nest12 };
  for (const { major, format } of APPLICATIONS) write(installed[major].folder, format);
});

afterAll(() => {
  removeProject(packed.project);
  rmSync(applications, { recursive: true });
});

function filesBelow(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => join(parentPath, name).slice(folder.length + 1));
}

describe('the package that npm pack makes', () => {
  it('holds what was built, the documents, and nothing else', () => {
    const files = filesBelow(packed.unpacked);
    const others = files.filter((file) => !/^dist\/[\w./-]+\.(js|js\.map|d\.ts)$/.test(file));
    expect(others.filter((file) => !DOCUMENTS.has(file))).toEqual(['dist/cjs/package.json']);
    expect(others).toEqual(expect.arrayContaining(['package.json', 'LICENSE']));
    expect(files.filter((file) => /test|spec|fixture|bench|example/i.test(file))).toEqual([]);
  });

  it('holds what each source was made into, and nothing of sources that are no more', () => {
    const built = filesBelow(join(packed.unpacked, 'dist')).filter((file) => file.endsWith('.js'));
    const esm = built.filter((file) => !file.startsWith('cjs/'));
    const commonjs = built.filter((file) => file.startsWith('cjs/')).map((file) => file.slice('cjs/'.length));
    const sources = filesBelow(join(packed.project, 'src')).filter((file) => file.endsWith('.ts'));
    expect(esm.toSorted()).toEqual(sources.map((file) => file.replace(/ts$/, 'js')).toSorted());
    expect(commonjs).toEqual(expect.arrayContaining(['index.js', 'protocol/index.js', 'rookery.module.js']));
    // The stand-alone server is ESM only.
    expect(commonjs.filter((file) => !esm.includes(file) || /^(main|token|bootstrap)\.js$/.test(file))).toEqual([]);
  });

  it.each(['module', 'commonjs'])('gives its protocol to a client of type %s that has nothing else', async (type) => {
    const folder = mkdtempSync(join(tmpdir(), 'rookery-client-'));
    cleanUp(() => rmSync(folder, { recursive: true }));
    cpSync(join(FIXTURES, 'client'), folder, { recursive: true });
    mkdirSync(join(folder, 'node_modules'));
    cpSync(packed.unpacked, join(folder, 'node_modules', 'rookery'), { recursive: true });
    writeFileSync(join(folder, 'package.json'), JSON.stringify({ type, private: true }));
    const compiler = join(PROJECT, 'node_modules', 'typescript', 'bin', 'tsc');
    expect(await run(folder, process.execPath, [compiler])).toMatchObject({ failed: false, stdout: '' });
    const { stdout } = await run(folder, process.execPath, ['main.js']);
    expect(stdout).toBe('rookery.v1.json 4403 Not allowed\n');
  });
});

const APPLICATIONS: readonly { major: Major; format: Format; types: readonly ModuleSettings[] }[] = [
  { major: 'nest11', format: 'commonjs', types: [NODE16, BUNDLER, NODE10] },
  { major: 'nest11', format: 'esm', types: [NODE16, BUNDLER] },
  { major: 'nest12', format: 'commonjs', types: [BUNDLER] },
  { major: 'nest12', format: 'esm', types: [NODE16, BUNDLER] },
];

describe.each(['nest11', 'nest12'] as const)('npm install in an application on %s', (major) => {
  it('has no complaint about peers, and leaves one copy of Nest', async () => {
    const { folder, said } = installed[major];
    expect(said).not.toMatch(/ERESOLVE|peer/);
    const { stdout } = await run(folder, 'npm', ['ls', '--all', '--parseable', '@nestjs/common']);
    expect(stdout.match(/@nestjs\/common$/gm)).toHaveLength(1);
  });
});

describe.each(APPLICATIONS)('an application on $major in $format', ({ major, format, types }) => {
  const folder = (): string => join(installed[major].folder, format);

  it('compiles with module nodenext, runs, and answers a plain client', async () => {
    expect(await build(folder())).toBe('');
    const server = startProcess({}, { main: join(folder(), 'dist', 'src', 'main.js') });
    await server.port();
    // Warnings about the machine may come first.
    const [address = ''] = /^ws:.*$/m.exec(server.output()) ?? [];
    const client = await plainClient(address);
    expect(await client.next('user:message')).toMatchObject({ payload: { data: { connections: 1 } } });
    expect(await client.request('join', 'order:7')).toMatchObject({ type: 'room:joined' });
    expect(await client.request('join', 'other')).toMatchObject({ payload: { code: 'FORBIDDEN' } });
    expect(await client.request('order:ship', { order: 7 })).toMatchObject({ payload: { watchers: 1 } });
    expect(await client.next('room:message')).toMatchObject({ payload: { data: { state: 'shipped' } } });
    expect(await client.request('order:watch', { order: 7 })).toMatchObject({
      type: 'order:state',
      payload: { order: 7, state: 'shipped', by: 'alice' },
    });
    expect(await client.request('order:watch', { order: 'x' })).toMatchObject({
      type: 'error',
      payload: { code: 'INVALID_PAYLOAD', details: { field: 'order' } },
    });
    server.kill('SIGTERM');
    expect(await client.closed).toMatchObject({ code: 1001 });
    await server.exited;
  });

  it('gets one copy of the package from Node, whether by import or by require', async () => {
    const script = `
      import { createRequire } from 'node:module';
      const { RookeryModule } = await import('rookery');
      console.log(RookeryModule === createRequire(process.cwd() + '/')('rookery').RookeryModule);`;
    const outcome = await run(folder(), process.execPath, ['--input-type=module', '-e', script]);
    expect(outcome).toMatchObject({ stdout: 'true\n' });
  });

  it(`has types with module ${types.map(([module]) => module).join(', ')} as well`, async () => {
    const errors = await Promise.all(types.map((settings) => typeErrors(folder(), settings)));
    expect(errors.join('')).toBe('');
  });

  it(`is tested by ${RUNNERS[format]}`, async () => {
    // Nest 12 is ESM, which jest loads by `require` on Node 24.9 and later.
    const node = major === 'nest12' ? join(folder(), '..', 'node_modules', 'node', 'bin', 'node') : process.execPath;
    const result = format === 'esm' ? vitest(folder()) : jest(folder(), node, VM_MODULES);
    expect(await result).toMatchObject(ALL_PASS);
  });
});

// Limits that README.md states. Each must come from Nest or jest, not from the package.
describe('an application in CommonJS', () => {
  it('on Nest 11 needs no flag for jest, unless its keys need jose', async () => {
    const { output, ...result } = await jest(join(installed.nest11.folder, 'commonjs'));
    expect(result).toStrictEqual({ numPassedTests: 3, numFailedTests: 1 });
    expect(output).toContain('In jest, set NODE_OPTIONS=--experimental-vm-modules');
  });

  it('on Nest 12 has no types with module node16, as Nest itself is ESM', async () => {
    const errors = await typeErrors(join(installed.nest12.folder, 'commonjs'), NODE16);
    const imported = [...errors.matchAll(/error TS1479.*'import\("([^"]+)"\)'/g)].map(([, name]) => name);
    expect(imported).toContain('@nestjs/common');
    expect(imported.filter((name) => !name?.startsWith('@nestjs/'))).toStrictEqual([]);
    expect(errors.match(/error TS(?!1479|1541)\d+/g)).toBeNull();
  });

  it('on Nest 12 is tested by jest on Node 24.9 and later, as Nest itself is ESM', async () => {
    const folder = join(installed.nest12.folder, 'commonjs');
    const { output, ...result } = await jest(folder, process.execPath, VM_MODULES);
    expect(result).toStrictEqual(JEST_REQUIRES_ESM ? ALL_PASS : { numPassedTests: 0, numFailedTests: 0 });
    const complaint = /Must use import to load ES Module: \S+node_modules\/@nestjs\//;
    expect(complaint.test(output)).toBe(!JEST_REQUIRES_ESM);
  });
});
