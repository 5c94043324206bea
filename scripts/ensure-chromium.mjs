import { spawnSync } from 'node:child_process';
import process from 'node:process';

/** Where Debian's package puts it. */
const STANDARD_PATH = '/usr/bin/chromium';

const path = process.env.CHROMIUM_PATH ?? STANDARD_PATH;

const WHAT_TO_DO = `The tests of the client run in Chromium, and there is none at ${path}: install it (Debian: apt-get install chromium), or set CHROMIUM_PATH to a Chromium or Chrome that is there.`;

function isInstalled() {
  return spawnSync(path, ['--version'], { stdio: 'ignore' }).status === 0;
}

/** Installs it where that needs nobody's leave: as root, with apt. A path of the user's own is the user's own affair. */
function install() {
  if (process.env.CHROMIUM_PATH !== undefined || process.platform !== 'linux' || process.getuid?.() !== 0) return;
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  const apt = (...args) => spawnSync('apt-get', ['-qq', ...args], { env, stdio: 'ignore' }).status === 0;
  const packages = ['install', '-y', '--no-install-recommends', 'chromium'];
  // The lists of packages may be missing, as in a fresh container.
  if (!apt(...packages) && apt('update')) apt(...packages);
}

if (!isInstalled()) install();
if (!isInstalled()) {
  console.error(WHAT_TO_DO);
  process.exitCode = 1;
}
