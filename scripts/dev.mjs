import { spawn } from 'node:child_process';
import process from 'node:process';
import { fileURLToPath } from 'node:url';

import { compileServer } from './compile-server.mjs';

const PROJECT = fileURLToPath(new URL('..', import.meta.url));
const TSC = [fileURLToPath(import.meta.resolve('typescript/bin/tsc')), '-p', 'tsconfig.build.json'];

// Each reload waits for the server to drain: a second is enough when the clients are one's own.
const ENVIRONMENT = { DRAIN_TIMEOUT_MS: '1000', ...process.env };

const running = new Set();
let stopping = false;

/** Starts Node with these arguments; the promise is kept when it has ended. */
function run(...args) {
  // Without a terminal on its standard input, no child competes for the keyboard.
  const child = spawn(process.execPath, args, {
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
// emitted all the same, and the watching compiler goes on reporting them.
await compileServer(run);
// For the example chat. A fault in it is no reason to stop, either.
if (!stopping) await run('client/scripts/build.mjs');

if (!stopping) {
  const compiler = run(...TSC, '--watch', '--preserveWatchOutput');
  const server = run('--watch', '--watch-preserve-output', '--enable-source-maps', 'dist/main.js');
  // Neither ends by itself. When one does, the other is of no use.
  await Promise.race([compiler, server]);
  if (!stopping) {
    process.exitCode = 1;
    stop();
  }
  await Promise.all([compiler, server]);
}
