import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { cpus } from 'node:os';

const cores = cpus().length;

/**
 * The server has the first core and the load generator the last: neither takes time from the other, and on machines
 * whose cores run two threads each, the two are not halves of one core.
 */
export const pinned = cores > 1 && spawnSync('taskset', ['-c', String(cores - 1), 'true']).status === 0;
export const SERVER_CORE = 0;
export const GENERATOR_CORE = cores - 1;
/** What nodes share, and the second node, have a core of their own where there are so many. */
export const STORE_CORE = cores > 2 ? cores - 2 : GENERATOR_CORE;
export const SECOND_NODE_CORE = cores > 3 ? 1 : SERVER_CORE;

/** @type {Set<import('node:child_process').ChildProcess>} */
const running = new Set();

function killAll() {
  for (const child of running) child.kill('SIGKILL');
}

process.on('exit', killAll);
for (const signal of /** @type {const} */ (['SIGINT', 'SIGTERM', 'SIGHUP'])) {
  process.on(signal, () => process.exit(130));
}

/**
 * Starts a process on a core of its own. It does not outlive this one.
 *
 * @param {number} core
 * @param {string[]} command
 * @param {import('node:child_process').SpawnOptions} options
 */
export function start(core, command, options) {
  // taskset replaces itself by the command, so the process id is the command's own.
  const [file = '', ...args] = pinned ? ['taskset', '-c', String(core), ...command] : command;
  const child = spawn(file, args, options);
  running.add(child);
  child.once('exit', () => running.delete(child));
  child.once('error', () => running.delete(child));
  return child;
}

/** @param {import('node:child_process').ChildProcess} child */
export async function stop(child) {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exit = once(child, 'exit');
  child.kill('SIGKILL');
  await exit;
}

/** Linux counts processor time in ticks of this length for programs. */
const TICK_SECONDS = 0.01;

/**
 * CPU of a process in seconds since it began, in all its threads.
 *
 * @param {number} pid
 */
export function processSeconds(pid) {
  // The name of the command may have blanks; it ends with the last parenthesis.
  const [, fields = ''] = readFileSync(`/proc/${pid}/stat`, 'utf8').split(/\) (?=[^)]*$)/);
  const [user = 0, system = 0] = fields.split(' ').slice(11, 13).map(Number);
  return (user + system) * TICK_SECONDS;
}

/** CPU that all programs of the machine have used, in seconds since it was started. */
export function machineSeconds() {
  const [user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0] = (
    readFileSync('/proc/stat', 'utf8').split('\n')[0] ?? ''
  )
    .split(/ +/)
    .slice(1)
    .map(Number);
  return (user + nice + system + irq + softirq) * TICK_SECONDS;
}
