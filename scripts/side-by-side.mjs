import { spawn } from 'node:child_process';
import process from 'node:process';

/**
 * Runs commands side by side, and prints the output of each in one piece when it has ended. All of them run to their
 * end, so that one run shows all that is wrong; it fails when any of them fails.
 *
 * `node scripts/side-by-side.mjs "npm run lint" "npm run layers"`
 */
const commands = process.argv.slice(2);

function run(command) {
  const child = spawn(command, { shell: true, stdio: ['ignore', 'pipe', 'pipe'] });
  const output = [];
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (data) => output.push(data));
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => {
      process.stdout.write(Buffer.concat(output));
      if (code !== 0) console.error(`Failed: ${command}`);
      resolve(code === 0);
    });
  });
}

const outcomes = await Promise.all(commands.map(run));
// A run of nothing must not pass.
if (commands.length === 0 || outcomes.includes(false)) process.exitCode = 1;
