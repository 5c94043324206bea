import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const PROJECT = fileURLToPath(new URL('..', import.meta.url));
/** Git ignores it, and `npm ci` clears it: CI always has the newest release of each line. */
const CACHE = join(PROJECT, 'node_modules', '.cache', 'rookery-node');

/** Lines and not exact versions: users run the newest of each, and a fault that a release brings has to show here. */
const LINES = ['22', '24', '26'];

/** What depends on Node's own code: sockets and the handles below them, upgrades, timers, processes, and the client. */
const PARTS = [
  'test/unit/connections/',
  'test/e2e/compression',
  'test/e2e/descriptors',
  'test/e2e/drain',
  'test/e2e/extension-gateway',
  'test/e2e/frames',
  'test/e2e/handshake',
  'test/e2e/heartbeat',
  'test/e2e/legacy-',
  'test/e2e/pending-upgrades',
  'test/e2e/rooms',
  'test/e2e/slow-consumer',
  'test/e2e/start',
  'test/e2e/tcp-writer',
  'test/e2e/workers.',
  'client/test/connection',
  'client/test/listening',
  'client/test/publishing',
  'client/test/rooms',
  'client/test/stopped',
  'client/test/use',
];

const USAGE = `Usage: npm run test:node -- [LINE...] [--outputFile=FILE]
  LINE                a line of Node such as 26; without any: ${LINES.join(', ')}
  --outputFile=FILE   writes the sums of all lines, named as in a result of jest
  --json              changes nothing: jest needs it beside --outputFile`;

/** The test files of all parts. A part without files would be a test that cannot fail. */
function testFiles() {
  const files = ['test', 'client/test'].flatMap((folder) =>
    readdirSync(join(PROJECT, folder), { recursive: true, encoding: 'utf8' })
      .map((name) => `${folder}/${name.replaceAll('\\', '/')}`)
      .filter((name) => /\.(e2e-)?spec\.ts$/.test(name)),
  );
  return PARTS.flatMap((part) => {
    const found = files.filter((file) => file.startsWith(part));
    if (found.length === 0) throw new Error(`No test file begins with ${part}: mend PARTS in scripts/test-node.mjs`);
    return found;
  });
}

/** The binary of a line of Node, from the package `node` of npm's registry. */
function install(line) {
  const folder = join(CACHE, line);
  const binary = join(folder, 'node_modules', 'node', 'bin', process.platform === 'win32' ? 'node.exe' : 'node');
  if (existsSync(binary)) return binary;
  mkdirSync(folder, { recursive: true });
  // The package's script brings the binary of this platform, whatever a user's settings say of scripts.
  const args = ['install', '--prefix', folder, '--no-package-lock', '--ignore-scripts=false', `node@${line}`];
  execFileSync('npm', args, {
    cwd: folder,
    stdio: ['ignore', 'ignore', 'inherit'],
    shell: process.platform === 'win32',
  });
  return binary;
}

/** Runs the parts; what they start by `process.execPath`, or by the path, is this Node as well. */
function runTests(binary, files, outputFile) {
  const options = ['--experimental-vm-modules', '--disable-warning=ExperimentalWarning'];
  const jest = [join(PROJECT, 'node_modules', 'jest', 'bin', 'jest.js'), '--json', `--outputFile=${outputFile}`];
  const env = { ...process.env, PATH: `${dirname(binary)}${delimiter}${process.env.PATH}` };
  // With its result in a file, jest still writes it to the standard output.
  const stdio = ['ignore', 'ignore', 'inherit'];
  return spawnSync(binary, [...options, ...jest, '--runTestsByPath', ...files], { cwd: PROJECT, env, stdio }).status;
}

/** What one line comes to. A line that leaves no result counts as a suite that could not be loaded. */
function test(line, files, folder) {
  const none = { numPassedTests: 0, numFailedTests: 0, numRuntimeErrorTestSuites: 1 };
  const outputFile = join(folder, `${line}.json`);
  let name = `Node ${line}`;
  let status = 1;
  try {
    const binary = install(line);
    name = `Node ${execFileSync(binary, ['--version'], { encoding: 'utf8' }).trim().slice(1)}`;
    status = runTests(binary, files, outputFile);
  } catch (error) {
    console.error(error.message);
  }
  const result = existsSync(outputFile) ? JSON.parse(readFileSync(outputFile, 'utf8')) : none;
  const counted = result.numFailedTests + result.numRuntimeErrorTestSuites;
  // Whatever else jest objects to is a failure, too.
  const failed = status === 0 ? counted : Math.max(1, counted);
  console.log(`${name}: ${result.numPassedTests} passed, ${failed} failed`);
  return { passed: result.numPassedTests, failed };
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { outputFile: { type: 'string' }, json: { type: 'boolean' }, help: { type: 'boolean' } },
});
if (values.help || positionals.some((line) => !/^\d+(\.\d+){0,2}$/.test(line))) {
  console.error(USAGE);
  process.exit(values.help ? 0 : 2);
}

const files = testFiles();
const folder = mkdtempSync(join(tmpdir(), 'rookery-test-node-'));
const outcomes = (positionals.length > 0 ? positionals : LINES).map((line) => test(line, files, folder));
rmSync(folder, { recursive: true });
const sum = (key) => outcomes.reduce((total, outcome) => total + outcome[key], 0);
const [passed, failed] = [sum('passed'), sum('failed')];
if (values.outputFile !== undefined) {
  const result = { numPassedTests: passed, numFailedTests: failed, numRuntimeErrorTestSuites: 0 };
  writeFileSync(values.outputFile, JSON.stringify(result));
}
if (failed > 0) process.exitCode = 1;
