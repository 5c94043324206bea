import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { load } from 'js-yaml';

import { PATIENCE_MS } from '../support/eventually.js';
import { BUILD_PATIENCE_MS } from '../support/project.js';

interface Instruction {
  readonly name: string;
  readonly value: string;
}

interface Service {
  readonly environment: Readonly<Record<string, string | number>>;
  readonly healthcheck: { readonly test: readonly string[] };
  readonly ports: readonly string[];
  readonly stop_grace_period: string;
}

const project = fileURLToPath(new URL('../..', import.meta.url));
const read = (name: string): string => readFileSync(`${project}/${name}`, 'utf8');

/** The instructions of a Dockerfile, one list for each stage. */
function stagesOf(dockerfile: string): Instruction[][] {
  const stages: Instruction[][] = [];
  for (const line of dockerfile
    .replaceAll(/^#.*\n/gm, '')
    .replaceAll(/\\\n/g, ' ')
    .split('\n')) {
    const [, name, value] = /^(\w+)\s+(.*)$/.exec(line) ?? [];
    if (name === undefined || value === undefined) continue;
    if (name === 'FROM') stages.push([]);
    stages.at(-1)?.push({ name, value });
  }
  return stages;
}

function serviceOf(compose: unknown): Service {
  // Only JSON's parser gives a value that may be given a type; the tests then find what is not as the type says.
  const { services }: { readonly services: { readonly rookery: Service } } = JSON.parse(JSON.stringify(compose));
  return services.rookery;
}

/** The arguments of an instruction in exec form; a shell form is no JSON and throws. */
const execForm = (value = ''): string[] => JSON.parse(value);

const stages = stagesOf(read('Dockerfile'));
const runtime = stages.at(-1) ?? [];
const last = (name: string): string | undefined => runtime.findLast((instruction) => instruction.name === name)?.value;
const command = execForm(last('CMD'));
const probe = execForm(last('HEALTHCHECK')?.replace(/^.*?\bCMD\s+/, ''));

const service = serviceOf(load(read('docker-compose.yml')));

describe('the Dockerfile', () => {
  it('builds in stages on one base image', () => {
    const froms = stages.map((stage) => stage[0]?.value);
    expect(froms).toStrictEqual(['node:24-bookworm-slim AS deps', 'deps AS build', 'node:24-bookworm-slim AS runtime']);
  });

  it('installs from the lock file, and takes along neither development dependencies nor sources', () => {
    const [deps = [], build = []] = stages;
    expect(deps).toContainEqual({ name: 'RUN', value: 'npm ci' });
    expect(build.find(({ name }) => name === 'RUN')?.value).toContain('npm prune --omit=dev');
    const copies = runtime.filter(({ name }) => name === 'COPY').map(({ value }) => value);
    expect(copies).toStrictEqual([
      'package.json LICENSE ./',
      '--from=build /app/node_modules ./node_modules',
      '--from=build /app/dist ./dist',
    ]);
  });

  it('copies nothing that .dockerignore keeps out', () => {
    const sent = read('.dockerignore').match(/(?<=^!).+$/gm);
    const local = stages
      .flat()
      .filter(({ name, value }) => name === 'COPY' && !value.startsWith('--from'))
      .flatMap(({ value }) => value.split(' ').slice(0, -1));
    expect(new Set(sent)).toStrictEqual(new Set(local));
  });

  it('runs in production as a user who is not root', () => {
    expect(last('ENV')).toBe('NODE_ENV=production');
    expect(last('USER')).toBe('node');
  });

  it('starts the server without a shell, and stops it by SIGTERM', () => {
    expect(command).toStrictEqual(['node', '--enable-source-maps', 'dist/main.js']);
    expect(last('STOPSIGNAL')).toBe('SIGTERM');
    expect(last('ENTRYPOINT')).toBeUndefined();
  });
});

describe('docker-compose.yml', () => {
  it('confines the service', () => {
    expect(service).toMatchObject({
      build: '.',
      init: true,
      read_only: true,
      cap_drop: ['ALL'],
      security_opt: ['no-new-privileges:true'],
    });
  });

  it('refuses to start without a secret', () => {
    expect(service.environment['JWT_SECRET']).toMatch(/^\$\{JWT_SECRET:\?.+\}$/);
  });

  it('publishes the port on which the server listens', () => {
    expect(service.ports).toStrictEqual([`\${PORT:-3000}:${service.environment['PORT']}`]);
    expect(last('EXPOSE')).toBe(String(service.environment['PORT']));
    expect(service.environment['HOST']).toBe('0.0.0.0');
  });

  it('gives the server longer to stop than it takes to drain', () => {
    const [, seconds] = /^(\d+)s$/.exec(service.stop_grace_period) ?? [];
    expect(Number(seconds) * 1000).toBeGreaterThan(Number(service.environment['DRAIN_TIMEOUT_MS']));
  });

  it('probes as the image does', () => {
    expect(service.healthcheck.test).toStrictEqual(['CMD', ...probe]);
  });
});

function environment(port: number): NodeJS.ProcessEnv {
  const set = Object.entries(service.environment).map(([name, value]) => [name, String(value)]);
  const secret = 'only-for-this-test-'.repeat(3);
  return { ...Object.fromEntries(set), NODE_ENV: 'production', JWT_SECRET: secret, PORT: String(port) };
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('a TCP server has a port');
  return address.port;
}

function isHealthy(port: number): Promise<boolean> {
  const [, ...args] = probe;
  return new Promise((resolve) => {
    execFile(process.execPath, args, { env: environment(port) }, (error) => resolve(error === null));
  });
}

async function untilHealthy(port: number, server: ChildProcess, patience: AbortSignal): Promise<void> {
  if (await isHealthy(port)) return;
  if (server.exitCode !== null) throw new Error(`the server ended with ${server.exitCode}`);
  patience.throwIfAborted();
  await untilHealthy(port, server, patience);
}

/** There may be no container engine where the tests run, so the container's command runs as a plain process. */
describe('the command of the container', () => {
  beforeAll(async () => {
    await promisify(execFile)('npm', ['run', '--silent', 'build'], { cwd: project });
  }, BUILD_PATIENCE_MS);

  it('turns healthy, and ends with 0 on the stop signal', async () => {
    const port = await freePort();
    expect(await isHealthy(port)).toBe(false);

    const [, ...args] = command;
    const server = spawn(process.execPath, args, {
      cwd: project,
      env: environment(port),
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    const exited = once(server, 'exit');
    try {
      await untilHealthy(port, server, AbortSignal.timeout(PATIENCE_MS));
      server.kill('SIGTERM');
      expect(await exited).toStrictEqual([0, null]);
    } finally {
      server.kill('SIGKILL');
    }
  }, 60_000);
});
