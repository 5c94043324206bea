import { execFile } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { PROJECT, environment } from '../support/project.js';
import { cleanUp } from '../support/teardown.js';

const run = promisify(execFile);
const LINE = /^Compiling the server \(src\/ to dist\/\).*\n$/;
const COMPILER = { rootDir: 'src', outDir: 'dist', incremental: true, tsBuildInfoFile: 'dist/.build.tsbuildinfo' };

interface SmallProject {
  /** Writes the one source. */
  readonly write: (text: string) => void;
  readonly remove: (file: string) => void;
  /** Runs the build and returns what it wrote to standard error. */
  readonly build: () => Promise<string>;
  /** Runs the compiler by itself, as other commands do. */
  readonly compile: () => Promise<unknown>;
  readonly built: () => string;
  readonly touch: (date: Date) => void;
}

/** A project of one source with the build of this one: the compiler takes a moment for it. */
function smallProject(): SmallProject {
  const folder = mkdtempSync(join(tmpdir(), 'rookery-build-'));
  cleanUp(() => rmSync(folder, { recursive: true }));
  for (const path of ['scripts', 'client/scripts'])
    cpSync(join(PROJECT, path), join(folder, path), { recursive: true });
  symlinkSync(join(PROJECT, 'node_modules'), join(folder, 'node_modules'));
  mkdirSync(join(folder, 'src'));
  writeFileSync(join(folder, 'package-lock.json'), '{}');
  writeFileSync(join(folder, 'tsconfig.json'), '{}');
  const compilerOptions = { ...COMPILER, lib: ['ES5'], skipLibCheck: true, types: [], strict: true };
  writeFileSync(join(folder, 'tsconfig.build.json'), JSON.stringify({ compilerOptions, include: ['src'] }));
  const source = join(folder, 'src', 'main.ts');
  const node = (...args: string[]) => run(process.execPath, args, { cwd: folder, env: environment() });
  return {
    write: (text) => writeFileSync(source, text),
    remove: (file) => rmSync(join(folder, file)),
    build: async () => {
      const { stdout, stderr } = await node('scripts/build-server.mjs');
      if (stdout !== '') throw new Error(`standard output belongs to the command: ${stdout}`);
      return stderr;
    },
    compile: () =>
      node(join(PROJECT, 'node_modules', '@typescript', 'native', 'bin', 'tsc'), '-p', 'tsconfig.build.json'),
    built: () => readFileSync(join(folder, 'dist', 'main.js'), 'utf8'),
    touch: (date) => utimesSync(source, date, date),
  };
}

describe('the build of the server', () => {
  it('says in one line that it compiles, how long the first time takes, and nothing when all is built', async () => {
    const project = smallProject();
    project.write('export const version = 1;');
    expect(await project.build()).toMatch(/^Compiling the server .*first time.*\n$/);
    expect(project.built()).toContain('version = 1');
    expect(await project.build()).toBe('');

    project.write('export const version = 2;');
    const changed = await project.build();
    expect(changed).toMatch(LINE);
    expect(changed).not.toContain('first time');
    expect(project.built()).toContain('version = 2');
    expect(await project.build()).toBe('');
  });

  it('compiles sources that were put back, with their old times, after another command compiled newer ones', async () => {
    const project = smallProject();
    project.write('export const version = 1;');
    await project.build();
    project.write('export const version = 2;');
    await project.compile();
    project.write('export const version = 1;');
    project.touch(new Date('2020-01-01'));
    expect(await project.build()).toMatch(LINE);
    expect(project.built()).toContain('version = 1');
  });

  it('makes an output again that was removed', async () => {
    const project = smallProject();
    project.write('export const version = 1;');
    await project.build();
    project.remove('dist/main.js');
    expect(await project.build()).toMatch(LINE);
    expect(project.built()).toContain('version = 1');
  });

  it('fails on a type error, reports it on standard error, and does so until it is mended', async () => {
    const project = smallProject();
    project.write('export const version: number = "1";');
    for (let attempt = 0; attempt < 2; attempt += 1) {
      const failure = await project.build().catch((error: { code: number; stdout: string; stderr: string }) => error);
      expect(failure).toMatchObject({ code: 2, stdout: '', stderr: expect.stringContaining('TS2322') });
    }
    project.write('export const version: number = 1;');
    expect(await project.build()).toMatch(LINE);
    expect(await project.build()).toBe('');
  });
});
