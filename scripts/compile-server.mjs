import { existsSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';

import { fingerprint } from '../client/scripts/fingerprint.mjs';
import { TSC } from './typescript.mjs';

const PROJECT = fileURLToPath(new URL('..', import.meta.url));
const DIST = join(PROJECT, 'dist');

/** Sources, settings, and the version of the compiler. */
const INPUTS = ['tsconfig.json', 'tsconfig.build.json', 'package-lock.json', 'src'];
/** The compiler's own notes about its last run. */
const BUILD_INFO = 'dist/.build.tsbuildinfo';
/** Inputs of the last build, and the compiler's notes after it. */
const STAMP = join(DIST, '.inputs');

function hasAllOutputs() {
  const sources = readdirSync(join(PROJECT, 'src'), { recursive: true }).filter((name) => name.endsWith('.ts'));
  return sources.every((name) => existsSync(join(DIST, name.replace(/ts$/, 'js'))));
}

/** Covers runs of the compiler by other commands: each of them leaves notes that do not fit an older stamp. */
function stampFor(inputs) {
  return existsSync(join(PROJECT, BUILD_INFO)) ? `${inputs} ${fingerprint(PROJECT, [BUILD_INFO])}` : undefined;
}

function isBuiltOf(inputs) {
  return existsSync(STAMP) && readFileSync(STAMP, 'utf8') === stampFor(inputs);
}

/**
 * Compiles `src/` to `dist/` and says so on standard error. Does nothing, in a few milliseconds, if nothing has changed.
 *
 * @param {(program: string, ...args: string[]) => Promise<number | null>} run runs a program; resolves to its exit code
 * @returns {Promise<number | null>} the compiler's exit code; code is emitted despite type errors
 */
export async function compileServer(run) {
  const isComplete = hasAllOutputs();
  const inputs = fingerprint(PROJECT, INPUTS);
  if (isComplete && isBuiltOf(inputs)) return 0;

  const isFirst = !existsSync(join(PROJECT, BUILD_INFO));
  process.stderr.write(`Compiling the server (src/ to dist/)${isFirst ? ': some seconds the first time' : ''} ...\n`);
  rmSync(STAMP, { force: true });
  // The compiler emits only what its notes do not list.
  if (!isComplete) rmSync(join(PROJECT, BUILD_INFO), { force: true });
  // By the contents of files: `--build` goes by their times, and takes an older file that was put back for compiled.
  const code = await run(TSC, '-p', join(PROJECT, 'tsconfig.build.json'));
  if (code === 0) writeFileSync(STAMP, stampFor(inputs) ?? '');
  return code;
}
