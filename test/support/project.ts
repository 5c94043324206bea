import { execFile } from 'node:child_process';
import { cpSync, mkdtempSync, readdirSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

export const PROJECT = fileURLToPath(new URL('../..', import.meta.url));

/** What a clone does not have, or a copy does not need. */
const LEFT_OUT = new Set(['.git', 'node_modules', 'coverage', 'bench', '.env', '.rookery']);

/** How long the compiler and npm may take on a busy machine. */
export const BUILD_PATIENCE_MS = 300_000;

const run = promisify(execFile);

/**
 * A built copy of the project in a folder of its own, with the dependencies of the original: what is in it can be run,
 * packed and thrown away, and is never older than the sources. Take it in `beforeAll`, and give it to `removeProject`.
 */
export async function copyProject(): Promise<string> {
  const folder = copySources();
  await npm(folder, 'run', '--silent', 'build');
  return folder;
}

/** Copies the project without building it, like a fresh clone after `npm ci`. */
export function copySources(): string {
  const folder = mkdtempSync(join(tmpdir(), 'rookery-project-'));
  for (const entry of readdirSync(PROJECT)) {
    if (LEFT_OUT.has(entry)) continue;
    // By their times the compiler knows that what is built is up to date.
    cpSync(join(PROJECT, entry), join(folder, entry), { recursive: true, preserveTimestamps: true });
  }
  symlinkSync(join(PROJECT, 'node_modules'), join(folder, 'node_modules'));
  return folder;
}

export function removeProject(folder: string): void {
  rmSync(folder, { recursive: true, force: true });
}

/** Runs npm and returns what it printed; rejects when it fails, with its output. */
export async function npm(folder: string, ...args: string[]): Promise<string> {
  const { stdout } = await run('npm', args, { cwd: folder, env: environment(), timeout: BUILD_PATIENCE_MS });
  return stdout;
}

/** The environment of a user who has set nothing: npm hands its own settings down to those it runs. */
export function environment(settings: Readonly<Record<string, string>> = {}): NodeJS.ProcessEnv {
  const { PATH, HOME } = process.env;
  return { PATH, HOME, NO_UPDATE_NOTIFIER: '1', ...settings };
}
