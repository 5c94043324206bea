import { execFile } from 'node:child_process';
import { cpSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { promisify } from 'node:util';

import { PROJECT, environment } from '../support/project.js';

export type Major = 'nest11' | 'nest12';
export type Format = 'commonjs' | 'esm';

/** Values of the compiler's `module` and `moduleResolution`. */
export type ModuleSettings = readonly [module: string, moduleResolution: string];

export interface Outcome {
  readonly failed: boolean;
  readonly stdout: string;
  readonly stderr: string;
}

/** Result of a test run, as jest and vitest both write it. */
export interface TestResult {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  /** Both outputs of the test runner. */
  readonly output: string;
}

export const FIXTURES = join(PROJECT, 'test', 'packages', 'fixtures');

/** Time limit for npm, the compiler or a test run, on a slow registry and a busy machine. */
const PATIENCE_MS = 600_000;
const INSTALL = ['--prefer-offline', '--no-audit', '--no-fund'];

const execute = promisify(execFile);

/** Runs a program to its end; a failure is an outcome, too. */
export async function run(
  folder: string,
  program: string,
  args: readonly string[],
  settings: Readonly<Record<string, string>> = {},
): Promise<Outcome> {
  const env = environment({ NO_COLOR: '1', ...settings });
  try {
    const outputs = await execute(program, args, { cwd: folder, env, timeout: PATIENCE_MS, maxBuffer: 64 << 20 });
    return { failed: false, ...outputs };
  } catch (error) {
    const { stdout = '', stderr = '' } = error as Partial<Outcome>;
    return { failed: true, stdout, stderr: stderr === '' ? String(error) : stderr };
  }
}

/** Folder with the packages of a `nest new` application of one major, and the packed package. */
export interface Installed {
  readonly folder: string;
  /** Output of npm while it installed the package. */
  readonly said: string;
}

/** Installs into a new folder what an application has by `npm ci`, and then the package by `npm install`. */
export async function install(major: Major, tarball: string, folder: string): Promise<Installed> {
  cpSync(join(FIXTURES, major), folder, { recursive: true });
  let said = '';
  for (const args of [['ci'], ['install', '--no-save', tarball]]) {
    const { failed, stdout, stderr } = await run(folder, 'npm', [...args, ...INSTALL]);
    if (failed) throw new Error(stderr);
    said = stdout + stderr;
  }
  return { folder, said };
}

/** Writes the application into a folder of its own below the installed packages. */
export function write(installed: string, format: Format): string {
  const folder = join(installed, format);
  for (const fixture of ['application', format]) cpSync(join(FIXTURES, fixture), folder, { recursive: true });
  if (format === 'commonjs') return folder;
  for (const name of readdirSync(folder, { recursive: true, encoding: 'utf8' })) {
    if (!/^(src|test)\b.*\.ts$/.test(name)) continue;
    const text = readFileSync(join(folder, name), 'utf8');
    // Relative imports of an ES module need the file extension.
    writeFileSync(join(folder, name), text.replaceAll(/from '(\.[^']+)'/g, "from '$1.js'"));
  }
  return folder;
}

const programOf = (folder: string, ...path: string[]): string => join(folder, '..', 'node_modules', ...path);

/** Builds the application as `nest build` does, and returns the compiler's errors. */
export async function build(folder: string): Promise<string> {
  const { stdout } = await run(folder, process.execPath, [programOf(folder, 'typescript', 'bin', 'tsc')]);
  return stdout;
}

/** Returns the compiler's errors for the application and all declarations that it uses. */
export async function typeErrors(folder: string, [module, moduleResolution]: ModuleSettings): Promise<string> {
  const flags = ['--noEmit', '--skipLibCheck', 'false', '--module', module, '--moduleResolution', moduleResolution];
  const compiler = programOf(folder, 'typescript', 'bin', 'tsc');
  const { stdout } = await run(folder, process.execPath, [compiler, ...flags]);
  return stdout;
}

/** Runs the application's tests with jest. */
export function jest(folder: string, node = process.execPath, ...nodeArgs: string[]): Promise<TestResult> {
  return testsBy(folder, node, [...nodeArgs, programOf(folder, 'jest', 'bin', 'jest.js'), '--json']);
}

/** Runs the application's tests with vitest. */
export function vitest(folder: string): Promise<TestResult> {
  return testsBy(folder, process.execPath, [programOf(folder, 'vitest', 'vitest.mjs'), 'run', '--reporter=json']);
}

async function testsBy(folder: string, node: string, args: readonly string[]): Promise<TestResult> {
  const { stdout, stderr } = await run(folder, node, args);
  const json = stdout.split('\n').find((line) => line.startsWith('{"'));
  if (json === undefined) throw new Error(`the tests left no result: ${stdout}${stderr}`);
  const { numPassedTests, numFailedTests }: TestResult = JSON.parse(json);
  return { numPassedTests, numFailedTests, output: stdout + stderr };
}
