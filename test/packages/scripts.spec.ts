import { spawn } from 'node:child_process';
import { appendFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import jwt from 'jsonwebtoken';

import { eventually } from '../support/eventually.js';
import { plainClient } from '../support/plain-client.js';
import { watch, type ServerProcess } from '../support/process.js';
import { BUILD_PATIENCE_MS, copyProject, environment, npm, removeProject } from '../support/project.js';

const TEST_MS = 180_000;

let project: string;

beforeAll(async () => {
  project = await copyProject();
}, BUILD_PATIENCE_MS);

afterAll(() => removeProject(project));

/** Starts an npm script in a group of processes of its own, as a shell does: npm, and what it starts. */
function startScript(...args: string[]): ServerProcess {
  const child = spawn('npm', args, {
    cwd: project,
    detached: true,
    env: environment({ PORT: '0', DRAIN_TIMEOUT_MS: '2000' }),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const { pid } = child;
  if (pid === undefined) throw new Error('npm could not be started');
  return watch(child, (signal) => isGroupAlive(pid) && process.kill(-pid, signal));
}

function isGroupAlive(pid: number): boolean {
  try {
    return process.kill(-pid, 0);
  } catch {
    return false;
  }
}

const addressIn = (output: string): string => /ws:\/\/\S+\?token=\S+/.exec(output)?.[0] ?? '';

describe.each(['start', 'ws:start'])('npm run %s', (script) => {
  it(
    'prints addresses that work as they are',
    async () => {
      const server = startScript('run', script);
      const http = `http://127.0.0.1:${await server.port()}`;
      expect(server.output()).not.toContain('Compiling');
      for (const path of ['/docs', '/health/ready', '/metrics']) {
        expect(server.output()).toContain(`${http}${path}`);
        expect((await fetch(`${http}${path}`)).status).toBe(200);
      }
      const client = await plainClient(addressIn(server.output()));
      expect(await client.next('connected')).toMatchObject({ payload: { userId: 'alice' } });
    },
    TEST_MS,
  );

  it.each(['SIGTERM', 'SIGINT'] as const)(
    'ends cleanly when its whole group gets a %s',
    async (signal) => {
      const server = startScript('run', script);
      await server.port();
      const client = await plainClient(addressIn(server.output()));
      server.kill(signal);
      await client.next('server:draining');
      expect(await client.closed).toMatchObject({ code: 1001 });
      await server.exited;
      await eventually(
        () => isGroupAlive(server.pid),
        (alive) => !alive,
      );
      // What it said last may still be on its way.
      await eventually(server.output, (output) => output.includes('0 of them cut'));
      expect(server.output()).not.toMatch(/npm error|Error/);
    },
    TEST_MS,
  );
});

describe('npm start', () => {
  it(
    'ends cleanly when npm alone gets a SIGTERM',
    async () => {
      const server = startScript('start');
      await server.port();
      const client = await plainClient(addressIn(server.output()));
      process.kill(server.pid, 'SIGTERM');
      expect(await client.closed).toMatchObject({ code: 1001 });
      await server.exited;
      await eventually(
        () => isGroupAlive(server.pid),
        (alive) => !alive,
      );
    },
    TEST_MS,
  );
});

describe('npm run token', () => {
  it(
    'prints a token that a server started in the same folder takes, by the secret in `.env` and with the grants asked for',
    async () => {
      const secret = 'a secret that `.env` alone knows, not the environment';
      writeFileSync(join(project, '.env'), `JWT_SECRET="${secret}"\n`);
      const server = startScript('start');
      const port = await server.port();
      const token = await npm(project, 'run', '--silent', 'token', '--', '--sub', 'bob', '--room', 'chat:*');
      expect(jwt.verify(token.trim(), secret)).toMatchObject({ sub: 'bob' });

      const bob = await plainClient(`ws://127.0.0.1:${port}/ws?token=${token.trim()}`);
      expect(await bob.next('connected')).toMatchObject({ payload: { userId: 'bob' } });
      expect(await bob.request('join', 'chat:1')).toMatchObject({ type: 'room:joined' });
      expect(await bob.request('join', 'other')).toMatchObject({ type: 'error', payload: { code: 'FORBIDDEN' } });
      expect(await bob.request('broadcast', { data: 1 })).toMatchObject({ payload: { code: 'FORBIDDEN' } });
    },
    TEST_MS,
  );

  it(
    'makes an administrator’s token when asked to',
    async () => {
      const server = startScript('start');
      const http = `http://127.0.0.1:${await server.port()}`;
      const connections = async (token: string): Promise<number> => {
        const headers = { authorization: `Bearer ${token.trim()}` };
        return (await fetch(`${http}/api/connections`, { headers })).status;
      };
      expect(await connections(await npm(project, 'run', '--silent', 'token', '--', '--sub', 'root', '--admin'))).toBe(
        200,
      );
      expect(await connections(await npm(project, 'run', '--silent', 'token', '--', '--sub', 'bob'))).toBe(403);
    },
    TEST_MS,
  );

  it(
    'says how it is used where it is not told for whom',
    async () => {
      await expect(npm(project, 'run', '--silent', 'token')).rejects.toThrow('npm run token -- --sub alice');
    },
    TEST_MS,
  );
});

describe('npm run ws:dev', () => {
  it(
    'starts the server anew after a change of the source',
    async () => {
      const server = startScript('run', 'ws:dev');
      await server.port();
      appendFileSync(join(project, 'src', 'start-page.ts'), "\nexport const greeting = 'changed';\n");
      await eventually(server.output, (text) => text.split('Rookery is running').length >= 3);
      expect(readFileSync(join(project, 'dist', 'start-page.js'), 'utf8')).toContain('changed');
      server.kill('SIGINT');
      await eventually(
        () => isGroupAlive(server.pid),
        (alive) => !alive,
      );
    },
    TEST_MS,
  );
});

// The last one: it leaves the project with a change that nobody has compiled.
describe('after a change of the source', () => {
  it.each(['start', 'ws:dev'])(
    'npm run %s says at once that it compiles',
    async (script) => {
      appendFileSync(join(project, 'src', 'main.ts'), '\n// A change.\n');
      const server = startScript('run', script);
      const output = await eventually(server.output, (text) => /^Compiling the server .+\n/m.test(text));
      expect(output).not.toContain('Rookery is running');
    },
    TEST_MS,
  );
});
