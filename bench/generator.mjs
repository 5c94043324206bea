import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { GENERATOR_CORE, start } from './processes.mjs';

const here = dirname(fileURLToPath(import.meta.url));
const binary = join(here, 'dist', 'generator');

/** Above what the generator itself allows the server for connecting, joining and draining. */
const PATIENCE_S = 200;

/**
 * The state of things at one moment. CPU in seconds since the process began.
 *
 * @typedef {{ at: number, cpu: number, store: number, generator: number, machine: number, rss: number, delivered: number, bytes: number }} Snapshot
 */

/**
 * What the load generator reports: snapshots before and after each of its phases, and totals of the whole run.
 *
 * @typedef {Record<'before' | 'connected' | 'joins0' | 'joins1' | 'joins3' | 'joins4' | 'settled' | 'start' | 'end', Snapshot>
 *   & { p50: number, p99: number, sent: number, delivered: number, compressed: number, late: number }} Outcome
 */

export function compileGenerator() {
  const sources = readdirSync(join(here, 'generator')).filter((name) => name.endsWith('.c'));
  mkdirSync(dirname(binary), { recursive: true });
  const flags = ['-O2', '-Wall', '-o', binary, ...sources.map((name) => join(here, 'generator', name))];
  try {
    execFileSync('cc', flags, { stdio: ['ignore', 'inherit', 'inherit'] });
  } catch (error) {
    throw new Error('The load generator could not be compiled: it needs Linux and a C compiler named cc.', {
      cause: error,
    });
  }
}

/**
 * @param {Iterable<readonly [string, string | number | boolean]>} plan Lines of the plan; some keys come repeatedly.
 * @param {number} seconds How long it will take when all goes well.
 * @returns {Promise<Outcome>}
 */
export async function generate(plan, seconds) {
  const child = start(GENERATOR_CORE, [binary], { stdio: ['pipe', 'pipe', 'inherit'] });
  const timer = setTimeout(() => child.kill('SIGKILL'), (seconds + PATIENCE_S) * 1000);
  // Its own exit tells more than a broken pipe would.
  child.stdin?.on('error', () => {});
  child.stdin?.end([...plan].map(([key, value]) => `${key} ${value}\n`).join(''));
  let output = '';
  try {
    for await (const text of child.stdout?.setEncoding('utf8') ?? []) output += text;
  } finally {
    clearTimeout(timer);
  }
  if (!output) throw new Error('the load generator ended without a word');
  const outcome = JSON.parse(output);
  if (outcome.error) throw new Error(outcome.error);
  return outcome;
}
