import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { dirname } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

import { SERVER_CORE, start, stop } from './processes.mjs';
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
 * Every measurement has a server of its own: none inherits another's heap, compiled code or connections.
 *
 * @param {import('./rivals.mjs').Rival} rival
 * @param {Record<string, string>} settings
 */
export async function startServer(rival, settings) {
  const port = await freePort();
  const child = start(SERVER_CORE, rival.command(), {
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
