import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { eventually } from './eventually.js';
import { cleanUp } from './teardown.js';

const MAIN = fileURLToPath(new URL('../../dist/main.js', import.meta.url));

/** How long a process may take to start or to end on a busy machine. */
const START_PATIENCE_MS = 20_000;

/** The stand-alone server as operators run it: a process of its own, with nothing but its environment. */
export interface ServerProcess {
  /** Everything written so far, to both outputs. */
  readonly output: () => string;
  readonly exitCode: () => number | null;
  /** Resolves when it has ended. */
  readonly exited: Promise<unknown>;
  /** The port, once it listens. */
  readonly port: () => Promise<number>;
}

/** Starts the server that `npm run build` has made, in an empty folder; it is killed at the end of the test. */
export function startProcess(environment: Readonly<Record<string, string>>): ServerProcess {
  if (!existsSync(MAIN)) throw new Error('Run `npm run build` first, as `npm test` does');
  const folder = mkdtempSync(join(tmpdir(), 'rookery-'));
  const child = spawn(process.execPath, [MAIN], {
    cwd: folder,
    env: { PATH: process.env['PATH'], HOST: '127.0.0.1', PORT: '0', ...environment },
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => (output += text));
  }
  const exited = once(child, 'exit');
  cleanUp(async () => {
    child.kill('SIGKILL');
    if (child.exitCode === null && child.signalCode === null) await exited;
    rmSync(folder, { recursive: true });
  });
  return {
    output: () => output,
    exitCode: () => child.exitCode,
    exited,
    port: async () => {
      const listening = await eventually(
        () => /ws:\/\/127\.0\.0\.1:(\d+)/.exec(output),
        (match) => match !== null || child.exitCode !== null,
        START_PATIENCE_MS,
      );
      if (listening === null) throw new Error(`the server did not start: ${output}`);
      return Number(listening[1]);
    },
  };
}
