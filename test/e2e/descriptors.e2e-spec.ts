import { once } from 'node:events';
import { get } from 'node:http';
import { connect } from 'node:net';

import { WebSocket } from 'ws';

import { eventually } from '../support/eventually.js';
import { startProcess, type ServerProcess } from '../support/process.js';
import { TestRedis } from '../support/redis.js';
import { SECRET, tokenFor } from '../support/server.js';
import { cleanUp } from '../support/teardown.js';
import { WORKERS, startWorkers } from '../support/workers.js';

const SETTINGS = {
  JWT_SECRET: SECRET,
  MAX_CONNECTIONS: '20000',
  MAX_CONNECTIONS_PER_ADDRESS: '0',
  MAX_CONNECTIONS_PER_USER: '0',
};
const SIDE_BY_SIDE = 20;
const WARNING = /Too few file descriptors: \d+ connections leave only a reserve/g;

interface Outcome {
  readonly socket: WebSocket;
  /** `open`, a status with its code, or the error of a connection that was cut. */
  readonly how: string;
}

async function attempt(port: number): Promise<Outcome> {
  const socket = new WebSocket(`ws://127.0.0.1:${port}/ws?token=${tokenFor()}`);
  cleanUp(() => socket.terminate());
  const how = await new Promise<string>((resolve) => {
    socket.once('open', () => resolve('open'));
    socket.on('error', ({ message }) => resolve(message));
    socket.once('unexpected-response', (_request, response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', ({ message }) => resolve(message));
      response.on('end', () => {
        const { code } = JSON.parse(Buffer.concat(chunks).toString()) as { code: string };
        resolve(`${response.statusCode} ${code} ${response.headers['retry-after']}`);
      });
    });
  });
  return { socket, how };
}

async function attempts(port: number, count: number): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  while (outcomes.length < count) {
    outcomes.push(...(await Promise.all(Array.from({ length: SIDE_BY_SIDE }, () => attempt(port)))));
  }
  return outcomes;
}

/** A probe as an orchestrator sends it: on a connection of its own, without a second try. */
async function probe(
  port: number,
  path: string,
): Promise<{ readonly status: number | undefined; readonly text: string }> {
  return new Promise((resolve, reject) => {
    const request = get({ host: '127.0.0.1', port, path, agent: false }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
      response.on('end', () => resolve({ status: response.statusCode, text }));
      response.on('error', reject);
    });
    request.on('error', reject);
  });
}

/**
 * Opens connections that ask nothing. Workers get theirs from the process that supervises them, which closes what it
 * cannot hold when it runs out of descriptors itself: a probe in between is answered once those before it were given.
 */
async function openSilently(port: number, count: number): Promise<void> {
  for (let opened = 0; opened < count; opened += SIDE_BY_SIDE) {
    const sockets = Array.from({ length: SIDE_BY_SIDE }, () => connect(port, '127.0.0.1'));
    for (const socket of sockets) {
      socket.on('error', () => undefined);
      cleanUp(() => socket.destroy());
    }
    await Promise.all(sockets.map((socket) => once(socket, 'connect')));
    expect((await probe(port, '/health/live')).status).toBe(200);
  }
}

const serverWith = (descriptors: number): ServerProcess => startProcess(SETTINGS, { descriptors });

/** Clients get in or are told to come back; probes and metrics go on; and the server recovers. */
async function checkFullServer(server: ServerProcess, count: number): Promise<void> {
  const port = await server.port();
  const outcomes = await attempts(port, count);
  expect(new Set(outcomes.map(({ how }) => how))).toEqual(new Set(['open', '503 FULL 5']));

  await openSilently(port, count);
  for (let n = 0; n < 10; n += 1) {
    expect((await probe(port, '/health/live')).status).toBe(200);
    expect((await probe(port, '/health/ready')).status).toBe(200);
  }
  const { text } = await probe(port, '/metrics');
  expect(text).toMatch(/^rookery_descriptor_shortages_total(\{.*\})? [1-9]/m);
  expect((await attempt(port)).how).toBe('503 FULL 5');

  const open = outcomes.filter(({ how }) => how === 'open');
  for (const { socket } of open.slice(0, open.length / 2)) socket.terminate();
  await eventually(
    () => attempt(port),
    ({ how }) => how === 'open',
  );
  expect(server.exitCode()).toBeNull();
}

describe('a server with few file descriptors', () => {
  it.each([128, 256, 400, 512])('starts with %i of them, and says that they are too few', async (descriptors) => {
    const server = serverWith(descriptors);
    const port = await server.port();
    expect((await attempt(port)).how).toBe('open');
    expect((await probe(port, '/health/ready')).status).toBe(200);
    expect(server.output()).toMatch(
      new RegExp(
        `Too few file descriptors: ${descriptors} leave room for \\d+ connections, and MAX_CONNECTIONS is 20000`,
      ),
    );
  });

  it('does not start with fewer than 128, and says so in a sentence', async () => {
    const server = serverWith(100);
    await server.exited;
    expect(server.exitCode()).toBe(1);
    const sentence =
      'Too few file descriptors: this process may open 100, and the server needs at least 128. ' +
      'Raise their limit: ulimit -n, LimitNOFILE of systemd, --ulimit nofile of Docker.\n';
    await eventually(server.output, (output) => output.length >= sentence.length);
    expect(server.output()).toBe(sentence);
  });

  it('says nothing where they are enough for MAX_CONNECTIONS', async () => {
    const server = startProcess({ ...SETTINGS, MAX_CONNECTIONS: '100' }, { descriptors: 256 });
    await server.port();
    expect(server.output()).not.toContain('file descriptors');
  });

  it('refuses clients with 503 when they run out, answers probes, and takes clients again later', async () => {
    const server = serverWith(256);
    await checkFullServer(server, 300);
    expect(server.output().match(WARNING)).toHaveLength(1);
  });

  it('does the same in each of its workers', async () => {
    const redis = await TestRedis.start();
    cleanUp(() => redis.remove());
    const server = startWorkers(redis, SETTINGS, { descriptors: 256 });
    await checkFullServer(server, WORKERS * 300);
    expect(server.output().match(WARNING)).toHaveLength(WORKERS);
    expect(server.output().match(/MAX_CONNECTIONS is/g)).toHaveLength(1);
  });
});
