import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { dirname } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

import { SECOND_NODE_CORE, SERVER_CORE, STORE_CORE, start, stop } from './processes.mjs';
import { SECRET } from './tokens.mjs';

const START_TIMEOUT_MS = 30_000;
const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));

async function freePort() {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const address = probe.address();
  probe.close();
  if (address === null || typeof address === 'string') throw new Error('There is no free port.');
  return address.port;
}

/** @param {number} port */
async function accepts(port) {
  const socket = connect(port, '127.0.0.1');
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

/**
 * @param {import('./rivals.mjs').Rival} rival
 * @param {number} port
 */
async function isReady(rival, port) {
  if (!rival.ready) return accepts(port);
  const answer = await fetch(`http://127.0.0.1:${port}${rival.ready}`).catch(() => null);
  await answer?.arrayBuffer();
  return answer?.status === 200;
}

/** What a server said on its way out, without saying where on this machine it lives. @param {string} text */
const withoutPaths = (text) => text.replaceAll(ROOT, '').replaceAll(/\s+/g, ' ');

/**
 * @param {import('./rivals.mjs').Rival} rival
 * @param {Record<string, string>} settings
 * @param {number} core
 */
async function startNode(rival, settings, core) {
  const port = await freePort();
  const child = start(core, rival.command(), {
    env: { PATH: process.env.PATH, ...rival.env, ...settings, PORT: String(port), JWT_SECRET: SECRET },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let complaints = '';
  child.stderr?.setEncoding('utf8').on('data', (text) => (complaints = (complaints + text).slice(-2000)));
  child.once('error', (error) => (complaints += error.message));

  const deadline = Date.now() + START_TIMEOUT_MS;
  while (!(await isReady(rival, port))) {
    const ended = child.exitCode !== null || child.pid === undefined;
    if (ended || Date.now() > deadline) {
      if (!ended) await stop(child);
      throw new Error(`${rival.title} did not start. ${withoutPaths(complaints)}`);
    }
    await delay(50);
  }
  return { port, pid: Number(child.pid), stop: () => stop(child), complaints: () => withoutPaths(complaints) };
}

/** Keeps nothing on disk: what is measured is what servers ask of it. */
async function startRedis() {
  const port = await freePort();
  const settings = ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no'];
  const child = start(STORE_CORE, ['redis-server', ...settings], { stdio: 'ignore' });
  let failure = '';
  child.once('error', (error) => (failure = error.message));
  const deadline = Date.now() + START_TIMEOUT_MS;
  while (!(await accepts(port))) {
    if (failure || child.exitCode !== null || Date.now() > deadline) throw new Error(`Redis did not start. ${failure}`);
    await delay(50);
  }
  return { url: `redis://127.0.0.1:${port}`, pid: Number(child.pid), stop: () => stop(child) };
}

/**
 * Every measurement has a server of its own, and where its nodes share a Redis, one of those: none inherits another's
 * heap, compiled code, connections or data.
 *
 * @param {import('./rivals.mjs').Rival} rival
 * @param {Record<string, string>} settings
 * @param {number} [nodes] How many processes over one Redis; without it one process, and no Redis.
 */
export async function startServer(rival, settings, nodes) {
  const redis = nodes ? await startRedis() : null;
  /** @type {Awaited<ReturnType<typeof startNode>>[]} */
  const started = [];
  const stopAll = async () => {
    for (const process of [...started, ...(redis ? [redis] : [])]) await process.stop();
  };
  try {
    const all = redis ? { ...settings, REDIS_URL: redis.url } : settings;
    for (let n = 0; n < (nodes ?? 1); n += 1) {
      started.push(await startNode(rival, all, n === 0 ? SERVER_CORE : SECOND_NODE_CORE));
    }
  } catch (error) {
    await stopAll();
    throw error;
  }
  return {
    ports: started.map(({ port }) => port),
    pids: started.map(({ pid }) => pid),
    store: redis?.pid ?? 0,
    stop: stopAll,
    complaints: () => started.map(({ complaints }) => complaints()).join(' '),
  };
}
