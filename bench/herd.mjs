import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

import { startServer } from './server.mjs';
import { makeTokens } from './tokens.mjs';
import { machineSeconds, processSeconds } from './processes.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const { WebSocket } = createRequire(import.meta.url)('ws');

const ROOM = 'herd';
/** Clients that connect for the first time arrive in portions of this size. */
const PORTION = 100;
const PATIENCE_MS = 120_000;
const SHARE_OF_BACK = 0.95;
const WINDOW_MS = 100;

/** One client with what it went through since the node was killed. Times are milliseconds of the monotonic clock. */
class Member {
  /** The newest message that it has received. */
  newest = 0;
  received = 0;
  isConnected = false;
  isJoined = false;
  /** The newest message that the publisher knew of when the client came back. */
  due = 0;
  /** When the client was connected, in the room, and had every message published before that. */
  levelAt = NaN;

  /** @param {any} client */
  constructor(client) {
    this.client = client;
    this.room = client.room(ROOM);
  }
}

/**
 * Loses the node that all clients are connected to, and watches them come back to the other one.
 *
 * @param {import('./rivals.mjs').Rival} rival
 * @param {import('./workloads/index.mjs').Workload} workload
 * @param {import('./workloads/index.mjs').Plan} plan
 * @returns {Promise<Pick<import('./statistics.mjs').Sample, 'values' | 'disturbance'>>}
 */
export async function measureHerd(rival, workload, { members: count, rate = 10 }) {
  // What `npm run build` makes; the other workloads go without it.
  const { RookeryClient } = await import(join(root, 'client', 'dist', 'index.js'));
  const server = await startServer(rival, workload.settings ?? {}, 2);
  const [lost = 0, left = 0] = server.ports;
  const [lostPid = 0, leftPid = 0] = server.pids;
  const balancer = createBalancer(lost);
  /** @type {Member[]} */
  const herd = [];
  let published = 0;
  const publisher = new RookeryClient(`ws://127.0.0.1:${left}/ws`, { token: makeTokens(1, 'publisher')[0], WebSocket });
  /** @type {ReturnType<typeof setInterval> | undefined} */
  let publishing;
  try {
    await publisher.connect();
    const before = processSeconds(lostPid);
    const storeBefore = processSeconds(server.store);
    const startedAt = performance.now();
    const tokens = makeTokens(count, 'member');
    for (let start = 0; start < count; start += PORTION) {
      const portion = tokens.slice(start, start + PORTION).map((token) => {
        const member = new Member(new RookeryClient(`ws://balancer/ws`, { token, WebSocket: balancer.WebSocket }));
        member.client.on('error', () => undefined);
        member.client.on('state', (/** @type {{ state: string }} */ { state }) => {
          member.isConnected = state === 'connected';
          if (!member.isConnected) {
            member.isJoined = false;
            member.levelAt = NaN;
          }
        });
        member.room.on('joined', () => {
          member.isJoined = true;
          member.due = published;
          look(member);
        });
        member.room.on('message', (/** @type {{ data: { n: number } }} */ { data }) => {
          if (data.n !== member.newest + 1) member.received = NaN;
          member.newest = data.n;
          member.received += 1;
          look(member);
        });
        return member;
      });
      herd.push(...portion);
      await Promise.all(portion.map(({ room }) => room.join()));
    }
    const joined = { cpu: processSeconds(lostPid) - before, ms: performance.now() - startedAt };
    const storeJoined = processSeconds(server.store) - storeBefore;

    let sending = 0;
    publishing = setInterval(() => {
      sending += 1;
      const n = sending;
      publisher
        .room(ROOM)
        .publish({ n, text: 'x'.repeat(100) })
        .then(
          () => (published = Math.max(published, n)),
          () => undefined,
        );
    }, 1000 / rate);
    await delay(3000);

    balancer.turnTo(left);
    const from = { cpu: processSeconds(leftPid), store: processSeconds(server.store), at: performance.now() };
    const machineFrom = machineSeconds();
    const own = process.cpuUsage();
    const overflowsFrom = listenOverflows();
    process.kill(lostPid, 'SIGKILL');
    await until(() => herd.every(({ levelAt }) => levelAt > from.at), PATIENCE_MS);
    const to = { cpu: processSeconds(leftPid), store: processSeconds(server.store), at: performance.now() };
    const machine = machineSeconds() - machineFrom;
    const { user, system } = process.cpuUsage(own);
    const generator = (user + system) / 1e6;

    const gone = herd.filter(({ received, newest }) => received !== newest).length;
    if (gone > 0) throw new Error(`${gone} clients missed a message, or got one twice or out of order`);
    const times = herd.map(({ levelAt }) => levelAt - from.at).toSorted((a, b) => a - b);
    const attempts = balancer.attempts.map((at) => at - from.at);
    return {
      values: {
        cpu: (to.cpu - from.cpu) / count,
        store: (to.store - from.store) / count,
        first: joined.cpu / count,
        firstStore: storeJoined / count,
        firstTime: joined.ms / 1000,
        time: (times[Math.ceil(count * SHARE_OF_BACK) - 1] ?? NaN) / 1000,
        all: (times.at(-1) ?? NaN) / 1000,
        peak: biggestShare(attempts),
        vain: attempts.length - count,
        overflows: listenOverflows() - overflowsFrom,
        generator: generator / ((to.at - from.at) / 1000),
      },
      disturbance: (machine - (to.cpu - from.cpu) - (to.store - from.store) - generator) / ((to.at - from.at) / 1000),
    };
  } finally {
    clearInterval(publishing);
    for (const { client } of herd) void client.close();
    void publisher.close();
    await server.stop();
  }
}

/** @param {Member} member */
function look(member) {
  if (member.isJoined && Number.isNaN(member.levelAt) && member.newest >= member.due) {
    member.levelAt = performance.now();
  }
}

/**
 * Leads clients to a node, as a balancer does that knows at once which one is lost, and notes when they try.
 *
 * @param {number} first Port of the node.
 */
function createBalancer(first) {
  let port = first;
  /** @type {number[]} */
  const attempts = [];
  return {
    attempts,
    turnTo: (/** @type {number} */ next) => {
      port = next;
      attempts.length = 0;
    },
    WebSocket: class extends WebSocket {
      /** @param {string} url @param {string[]} protocols */
      constructor(url, protocols) {
        super(url.replace('balancer', `127.0.0.1:${port}`), protocols, { perMessageDeflate: false });
        attempts.push(performance.now());
      }
    },
  };
}

/**
 * The largest share of the attempts that came within one tenth of a second.
 *
 * @param {number[]} attempts
 */
function biggestShare(attempts) {
  const sorted = attempts.toSorted((a, b) => a - b);
  let most = 0;
  let start = 0;
  for (const [index, at] of sorted.entries()) {
    while ((sorted[start] ?? at) <= at - WINDOW_MS) start += 1;
    most = Math.max(most, index - start + 1);
  }
  return most / sorted.length;
}

/** How often the kernel found the backlog of a listening socket full, since it was started. */
function listenOverflows() {
  const [names = '', figures = ''] = readFileSync('/proc/net/netstat', 'utf8')
    .split('\n')
    .filter((line) => line.startsWith('TcpExt:'));
  return Number(figures.split(' ')[names.split(' ').indexOf('ListenOverflows')] ?? 0);
}

/**
 * @param {() => boolean} isSo
 * @param {number} patienceMs
 */
async function until(isSo, patienceMs) {
  const deadline = performance.now() + patienceMs;
  while (!isSo()) {
    if (performance.now() > deadline) throw new Error('not all clients came back');
    await delay(20);
  }
}
