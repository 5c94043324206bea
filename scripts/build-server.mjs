import { spawn } from 'node:child_process';
import process from 'node:process';

import { compileServer } from './compile-server.mjs';

/** Its output goes to standard error: standard output belongs to the command that the build is for. */
function run(program, ...args) {
  const child = spawn(program, args, { stdio: ['ignore', 2, 2] });
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', resolve);
  });
}

process.exitCode = (await compileServer(run)) ?? 1;
