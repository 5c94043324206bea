import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { eventually } from './eventually.js';
import { cleanUp } from './teardown.js';

const MAIN = fileURLToPath(new URL('../../dist/main.js', import.meta.url));

/** How long a process may take to start or to end on a busy machine. */
const START_PATIENCE_MS = 120_000;

/** The stand-alone server as operators run it: a process of its own, with nothing but its environment. */
export interface ServerProcess {
  /** Everything written so far, to both outputs. */
  readonly output: () => string;
  readonly exitCode: () => number | null;
  /** Resolves when it has ended. */
  readonly exited: Promise<unknown>;
  /** The port, once it listens. */
  readonly port: () => Promise<number>;
  readonly pid: number;
  /** Sends a signal: to the process alone, or to all of its group if it has one of its own. */
  readonly kill: (signal: NodeJS.Signals) => void;
}

export interface ProcessOptions {
  /** File to run. @default that of the project's own build */
  readonly main?: string;
  /** @default an empty folder, which goes with the process */
  readonly folder?: string;
  /** How many file descriptors each process may have. @default those of this process */
  readonly descriptors?: number;
}

/** Starts the server that `npm run build` has made; it is killed at the end of the test. */
export function startProcess(
  environment: Readonly<Record<string, string>>,
  { main = MAIN, folder, descriptors }: ProcessOptions = {},
): ServerProcess {
  if (!existsSync(main)) throw new Error('Run `npm run build` first, as `npm test` does');
  const cwd = folder ?? emptyFolder();
  const env = { PATH: process.env['PATH'], HOST: '127.0.0.1', PORT: '0', MAX_EVENT_LOOP_DELAY_MS: '0', ...environment };
  const limited = ['-c', `ulimit -n ${descriptors} && exec "$0" "$1"`, process.execPath, main];
  const [command, commandArguments] = descriptors === undefined ? [process.execPath, [main]] : ['sh', limited];
  const child = spawn(command, commandArguments, { cwd, env });
  return watch(child, (signal) => child.kill(signal));
}

/** Follows a process that is to become a server; `kill` must end all that it started. */
export function watch(child: ChildProcess, kill: (signal: NodeJS.Signals) => void): ServerProcess {
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8').on('data', (text: string) => (output += text));
  }
  const exited = once(child, 'exit');
  cleanUp(async () => {
    kill('SIGKILL');
    if (child.exitCode === null && child.signalCode === null) await exited;
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
    pid: child.pid ?? 0,
    kill,
  };
}

function emptyFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'rookery-'));
  cleanUp(() => rmSync(folder, { recursive: true }));
  return folder;
}
