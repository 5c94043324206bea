import { execFile, spawn } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';

import { eventually } from '../../../test/support/eventually.js';
import { BUILD_PATIENCE_MS, PROJECT, environment } from '../../../test/support/project.js';
import { startServer, tokenFor } from '../../../test/support/server.js';
import { cleanUp } from '../../../test/support/teardown.js';
import { blocksOf, fileNameOf, type Block } from './blocks.js';

const FIXTURE = join(PROJECT, 'client', 'test', 'docs', 'fixtures');
/** The address that the documents name; blocks that run get that of the test's server. */
const ADDRESS = 'ws://127.0.0.1:3000/ws';

const run = promisify(execFile);

const blocks = [...blocksOf('client/README.md'), ...blocksOf('README.md').filter(isOfClient)].filter(({ language }) =>
  ['ts', 'tsx', 'js'].includes(language),
);

function isOfClient({ code }: Block): boolean {
  return code.includes("'@rookery/client'");
}

/** What applications have that use the client: it, and what the recipes are made for. */
const PACKAGES = ['@types/node', '@types/react', 'csstype', 'undici-types', 'ws', '@types/ws'];

describe('the code in README.md', () => {
  let folder: string;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'rookery-readme-'));
    cpSync(FIXTURE, folder, { recursive: true });
    for (const name of PACKAGES) link(name, join(PROJECT, 'node_modules', name));
    link('@rookery/client', join(PROJECT, 'client'));
    writeFileSync(join(folder, 'package.json'), '{ "type": "module", "private": true }');
    for (const block of blocks) writeFileSync(join(folder, fileNameOf(block)), withOwnScope(block.code));
    await compile();
  }, BUILD_PATIENCE_MS);

  afterAll(() => rmSync(folder, { recursive: true }));

  function link(name: string, target: string): void {
    const path = join(folder, 'node_modules', name);
    mkdirSync(dirname(path), { recursive: true });
    symlinkSync(target, path);
  }

  let problems = '';
  async function compile(): Promise<void> {
    const compiler = join(PROJECT, 'node_modules', 'typescript', 'bin', 'tsc');
    // From there, so that what it says begins with the name of a block's file.
    const compiling = run(process.execPath, [compiler, '-p', '.'], { cwd: folder });
    const { stdout } = await compiling.catch((error: { stdout: string }) => error);
    problems = stdout;
  }

  it('is there, and each block has a name of its own', () => {
    const names = blocks.map(fileNameOf);
    expect(names.length).toBeGreaterThan(10);
    expect(new Set(names).size).toBe(names.length);
  });

  it.each(blocks.map((block) => [block.title, block] as const))('compiles: %s', (_title, block) => {
    const own = problems.split('\n').filter((line) => line.startsWith(fileNameOf(block)));
    expect(own).toStrictEqual([]);
  });

  it('has no fault that belongs to no block', () => {
    expect(problems).toBe('');
  });

  it.each(blocks.filter(({ prints }) => prints !== undefined).map((block) => [block.title, block] as const))(
    'prints what it says: %s',
    async (_title, block) => {
      const server = await startServer({ rooms: [{ pattern: 'lobby', presence: true }] });
      const file = join(folder, fileNameOf(block).replace(/\.tsx?$/, '.js'));
      writeFileSync(file, readFileSync(file, 'utf8').replaceAll(ADDRESS, server.ws));
      const child = spawn(process.execPath, ['--import', './given.js', file], {
        cwd: folder,
        env: environment({ ADDRESS: server.ws, TOKEN: tokenFor() }),
      });
      cleanUp(() => child.kill('SIGKILL'));
      const output = { stdout: '', stderr: '' };
      for (const name of ['stdout', 'stderr'] as const) {
        child[name].on('data', (text: Buffer) => (output[name] += String(text)));
      }
      const lines = (): (string | undefined)[] => output.stdout.split('\n');
      await eventually(lines, (all) => all.includes(block.prints) || child.exitCode !== null).catch(() => undefined);
      expect(output.stderr).toBe('');
      expect(lines()).toContain(block.prints);
    },
  );
});

/** Names of a script would be global: each block is a module, whether it imports something or not. */
function withOwnScope(code: string): string {
  return /^(import|export) /m.test(code) ? code : `${code}\nexport {};\n`;
}
