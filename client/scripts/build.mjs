import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';

import { fingerprint } from './fingerprint.mjs';

const CLIENT = fileURLToPath(new URL('..', import.meta.url));
const PROJECT = join(CLIENT, '..');
const DIST = join(CLIENT, 'dist');

/** What makes a difference to what is built: sources, settings, and the versions of the tools. */
const INPUTS = [
  'tsconfig.json',
  'package-lock.json',
  'src/protocol',
  'client/src',
  'client/scripts',
  'client/package.json',
  'client/tsconfig.json',
  'client/tsconfig.src.json',
  'client/tsconfig.build.json',
];
const OUTPUTS = [
  'index.js',
  'index.js.map',
  'rookery-client.min.js',
  'rookery-client.min.js.map',
  'index.d.ts',
  'types/client/src/index.d.ts',
];
/** Tells what the last build was made of. */
const STAMP = join(DIST, '.inputs');

function isBuiltOf(inputs) {
  const isThere = [STAMP, ...OUTPUTS.map((name) => join(DIST, name))].every((path) => existsSync(path));
  return isThere && readFileSync(STAMP, 'utf8') === inputs;
}

async function build(inputs) {
  // A build that fails leaves no stamp.
  rmSync(STAMP, { force: true });
  // Standard output belongs to the command that the build is for.
  process.stderr.write('Compiling the client (client/src/ to client/dist/) ...\n');
  const { compile } = await import('./compile.mjs');
  await compile();
  writeFileSync(STAMP, inputs);
}

try {
  const inputs = fingerprint(PROJECT, INPUTS);
  // Every start of the server asks for a build, and few of them have anything to build.
  if (!isBuiltOf(inputs)) await build(inputs);
} catch (error) {
  // The compilers have said what is wrong by themselves.
  if (!('status' in error || 'errors' in error)) throw error;
  process.exitCode = 1;
}
