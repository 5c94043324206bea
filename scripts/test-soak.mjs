import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';

const PROJECT = fileURLToPath(new URL('..', import.meta.url));
const JEST = ['--experimental-vm-modules', '--disable-warning=ExperimentalWarning', 'node_modules/jest/bin/jest.js'];

/** Another run each time; a failure is had again with the seed that is printed. */
const SEED = String(Math.floor(Math.random() * 1_000_000));

/** What `npm test` plays for a moment, and here for long. The environment may ask for other numbers. */
const SOAKS = {
  'test/unit/rooms/delivery.property.spec.ts': { SOAK_RUNS: '100000', SOAK_STEPS: '150' },
  'test/unit/model/world.property.spec.ts': { SOAK_RUNS: '300000', SOAK_STEPS: '100' },
  'test/unit/model/redis-room.property.spec.ts': { SOAK_RUNS: '5000' },
  'client/test/sequencer.property.spec.ts': { SOAK_RUNS: '200000' },
  'client/test/every-byte.e2e-spec.ts': { SOAK_STRIDE: '1' },
  'client/test/soak/kills.e2e-spec.ts': { SOAK_SECONDS: '180', SOAK_MEMBERS: '100' },
  'client/test/soak/losses.e2e-spec.ts': { SOAK_SECONDS: '180' },
  'test/e2e/hostile-frames.e2e-spec.ts': { SOAK_FRAMES: '20000' },
  'test/e2e/chaos.e2e-spec.ts': { CHAOS_MESSAGES: '100000', CHAOS_SEED: SEED },
  'test/soak/redis-chaos.e2e-spec.ts': { CHAOS_SECONDS: '180', CHAOS_SEED: SEED },
  'test/soak/failover.e2e-spec.ts': { FAILOVER_SECONDS: '90', FAILOVER_SEED: SEED },
};

/** One file by itself: what it plays should have the machine for itself. */
function play([file, defaults]) {
  if (!existsSync(join(PROJECT, file))) throw new Error(`${file} is not there: mend SOAKS in scripts/test-soak.mjs`);
  const settings = Object.fromEntries(
    Object.entries(defaults).map(([name, value]) => [name, process.env[name] ?? value]),
  );
  const said = Object.entries(settings).map((setting) => setting.join('='));
  console.log(`${said.join(' ')} npm run jest -- ${file}`);
  const env = { ...process.env, ...settings };
  const config = file.includes('/soak/') ? ['--config', 'jest.chaos.config.js'] : [];
  const args = [...JEST, ...config, '--runTestsByPath', file];
  return spawnSync(process.execPath, args, { cwd: PROJECT, env, stdio: 'inherit' });
}

const wanted = process.argv.slice(2);
const chosen = Object.entries(SOAKS).filter(
  ([file]) => wanted.length === 0 || wanted.some((part) => file.includes(part)),
);
if (chosen.length === 0) {
  console.error(`No soak has ${wanted.join(' or ')} in its name. There are: ${Object.keys(SOAKS).join(', ')}`);
  process.exitCode = 2;
}
const failed = chosen.filter((soak) => play(soak).status !== 0).map(([file]) => file);
if (failed.length > 0) {
  console.error(`Failed: ${failed.join(', ')}`);
  process.exitCode = 1;
}
