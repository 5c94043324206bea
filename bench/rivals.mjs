import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

import * as dialects from './dialects.mjs';
import { compileNest } from './servers/compile-nest.mjs';

const here = dirname(fileURLToPath(import.meta.url));
const require = createRequire(import.meta.url);

/**
 * A server to be measured. All of them get PORT, JWT_SECRET and COMPRESSION in their environment, and REDIS_URL where
 * several are one server.
 *
 * @typedef {object} Rival
 * @property {string} id
 * @property {string} title
 * @property {import('./dialects.mjs').Dialect} dialect
 * @property {() => string[]} command
 * @property {Record<string, string>} [env]
 * @property {string} [ready] What answers 200 as soon as the server is ready; without it, an open port says so.
 */

/** @param {string} file */
const server = (file) => join(here, 'servers', file);

const rookery = {
  title: 'Rookery',
  dialect: dialects.rookery,
  command: () => [process.execPath, join(here, '..', 'dist', 'main.js')],
  ready: '/health/ready',
  env: {
    NODE_ENV: 'production',
    HOST: '127.0.0.1',
    LOG_LEVEL: 'info',
    // The bounds are features and stay in place; only their figures are lifted, for thousands of clients at one address.
    RATE_LIMIT: '0',
    MAX_CONNECTIONS: '0',
    MAX_CONNECTIONS_PER_ADDRESS: '0',
    MAX_CONNECTIONS_PER_USER: '0',
  },
};

/** @type {Rival[]} */
export const rivals = [
  { id: 'rookery', ...rookery },
  {
    id: 'rookery-no-history',
    ...rookery,
    title: 'Rookery, history off',
    env: { ...rookery.env, HISTORY_SIZE: '0' },
  },
  {
    id: 'ws-stringify',
    title: 'ws, stringify per member',
    dialect: dialects.rookery,
    command: () => [process.execPath, server('ws-stringify.mjs')],
  },
  {
    id: 'ws-buffer',
    title: 'ws, one buffer for all',
    dialect: dialects.rookery,
    command: () => [process.execPath, server('ws-buffer.mjs')],
  },
  {
    id: 'nest',
    title: 'Nest platform-ws',
    dialect: dialects.nest,
    command: () => [process.execPath, compileNest()],
  },
  {
    id: 'socket-io',
    title: 'Socket.IO',
    dialect: dialects.socketIo,
    command: () => [process.execPath, server('socket-io.mjs')],
  },
  ...['pubsub', 'sharded', 'streams'].map((adapter) => ({
    id: `socket-io-${adapter}`,
    title: `Socket.IO, ${adapter}`,
    dialect: dialects.socketIo,
    command: () => [process.execPath, server('socket-io-redis.mjs')],
    env: { ADAPTER: adapter },
  })),
  {
    id: 'bun',
    title: 'Bun publish',
    dialect: dialects.rookery,
    command: () => [bunBinary(), server('bun.mjs')],
  },
];

/** The binary comes as a package of its own for each platform; the `bun` package would copy it on being installed. */
function bunBinary() {
  const architecture = process.arch === 'arm64' ? 'aarch64' : process.arch;
  return require.resolve(`@oven/bun-${process.platform}-${architecture}/bin/bun`);
}
