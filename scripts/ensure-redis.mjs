import { spawnSync } from 'node:child_process';
import process from 'node:process';

/** Sharded pub/sub came with it. */
const LEAST_MAJOR = 7;

const WHAT_TO_DO = `The tests start a redis-server of their own, version ${LEAST_MAJOR} or newer: install it (Debian, Ubuntu: apt-get install redis-server; macOS: brew install redis).`;

/** The major version of the redis-server on the path; undefined where there is none. */
function installedMajor() {
  const { status, stdout } = spawnSync('redis-server', ['--version'], { encoding: 'utf8' });
  const [, major] = status === 0 ? (/v=(\d+)/.exec(stdout) ?? []) : [];
  return major === undefined ? undefined : Number(major);
}

/** Installs it where that needs nobody's leave: as root, with apt. The package would start a server; no test needs that. */
function install() {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return;
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' };
  const apt = (...args) => spawnSync('apt-get', ['-qq', ...args], { env, stdio: 'ignore' }).status === 0;
  const packages = ['install', '-y', '--no-install-recommends', 'redis-server'];
  // The lists of packages may be missing, as in a fresh container.
  if (!apt(...packages) && apt('update')) apt(...packages);
}

if ((installedMajor() ?? 0) < LEAST_MAJOR) install();
if ((installedMajor() ?? 0) < LEAST_MAJOR) {
  console.error(WHAT_TO_DO);
  process.exitCode = 1;
}
