import { spawn } from 'node:child_process';
import { watch } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';

import { compileServer } from './compile-server.mjs';

const PROJECT = fileURLToPath(new URL('..', import.meta.url));

// Each reload waits for the server to drain: a second is enough when the clients are one's own.
const ENVIRONMENT = { DRAIN_TIMEOUT_MS: '1000', ...process.env };

const SETTLE_MS = 50;

const running = new Set();
let stopping = false;
let compiling = Promise.resolve();
let timer;

/** Starts a program; the promise is kept when it has ended. */
function run(program, ...args) {
  // Without a terminal on its standard input, no child competes for the keyboard.
  const child = spawn(program, args, {
    cwd: PROJECT,
    env: ENVIRONMENT,
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  running.add(child);
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code) => {
      running.delete(child);
      resolve(code);
    });
  });
}

// Ctrl-C reaches every process of the terminal by itself, and npm passes signals on as well: once is enough. It is
// always SIGTERM, because `node --watch` would die of SIGHUP and leave the server behind.
function stop() {
  if (stopping) return;
  stopping = true;
  for (const child of running) child.kill('SIGTERM');
}

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, stop);

// The server must not start on what an earlier build left behind. Type errors are no reason to stop: the code is
// emitted all the same, and they are told again after the next change.
await compileServer(run);
// For the example chat. A fault in it is no reason to stop, either.
if (!stopping) await run(process.execPath, 'client/scripts/build.mjs');

/** Compiles after what is being compiled now; does nothing where that had the change already. */
function compileChanges() {
  compiling = compiling.then(async () => {
    // A source may be gone again, as an editor's temporary file is: what replaces it is one more change.
    if (!stopping) await compileServer(run).catch((error) => console.error(String(error)));
  });
}

if (!stopping) {
  // Not by the compiler's `--watch`: on some file systems it notices nothing.
  const sources = watch(join(PROJECT, 'src'), { recursive: true }, () => {
    // Editors write a file in several steps.
    clearTimeout(timer);
    timer = setTimeout(compileChanges, SETTLE_MS);
  });
  // It does not end by itself.
  await run(process.execPath, '--watch', '--watch-preserve-output', '--enable-source-maps', 'dist/main.js');
  if (!stopping) process.exitCode = 1;
  sources.close();
  clearTimeout(timer);
  stop();
  await compiling;
}
