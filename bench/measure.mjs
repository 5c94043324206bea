import { setTimeout as delay } from 'node:timers/promises';

import { generate } from './generator.mjs';
import { startServer } from './server.mjs';
import { makeTokens } from './tokens.mjs';
import { disturbance } from './workloads/measures.mjs';

const WORDS = 'the rook left its nest on the tower and called to every other rook in the old elm trees'.split(' ');

/**
 * A JSON value of exactly so many bytes: the mark, and text that compresses about as well as people's messages do.
 *
 * @param {number} bytes
 */
function makeData(bytes) {
  const head = '{"mark":"%m","text":"';
  const room = bytes - (head.length + MARK_GROWTH + '"}'.length);
  let text = '';
  for (let seed = 1; text.length < room; seed = (seed * 48271) % 0x7fffffff) text += `${WORDS[seed % WORDS.length]} `;
  return `${head}${text.slice(0, room)}"}`;
}

/** Time for the server to be done with the connections of the rehearsal. */
const SETTLE_MS = 500;

/** By how much a mark is longer than its placeholder. */
const MARK_GROWTH = 16;

/**
 * The plan in the form in which the load generator reads it.
 *
 * @param {import('./dialects.mjs').Dialect} dialect
 * @param {import('./workloads/index.mjs').Plan} plan
 * @param {{ ports: number[], pids: number[], store: number }} server
 * @param {string} user
 * @returns {(readonly [string, string | number | boolean])[]}
 */
function spellOut(dialect, { bytes, ...plan }, server, user) {
  /** @type {(readonly [string, string | number | boolean])[]} */
  const lines = [
    ...server.ports.map((port) => /** @type {const} */ (['port', port])),
    ...server.pids.map((pid) => /** @type {const} */ (['pid', pid])),
    ['store', server.store],
    ['path', dialect.path],
    ...dialect.greeting,
    ...makeTokens(plan.members, user).map((token) => /** @type {const} */ (['token', token])),
    ...Object.entries(plan),
  ];
  if (plan.echo) lines.push(['message', bytes && dialect.publish ? dialect.publish(makeData(bytes)) : dialect.ping]);
  else if (bytes) {
    const message = (plan.apart && dialect.relay) || dialect.message;
    lines.push(['join', dialect.join], ['joined', dialect.joined], ['message', message(makeData(bytes))]);
  }
  if (dialect.beat) lines.push(['beat', dialect.beat[0]], ['beatAnswer', dialect.beat[1]]);
  return lines;
}

/**
 * Starts the server, puts the load on it once, and stops it.
 *
 * @param {import('./rivals.mjs').Rival} rival
 * @param {import('./workloads/index.mjs').Workload} workload
 * @param {import('./workloads/index.mjs').Plan} plan
 * @returns {Promise<Pick<import('./statistics.mjs').Sample, 'values' | 'disturbance'>>}
 */
export async function measureOnce(rival, workload, plan) {
  if (workload.measureOnce !== undefined) return workload.measureOnce(rival, workload, plan);
  const server = await startServer(rival, workload.settings ?? {}, workload.nodes);
  try {
    const duration = (plan.seconds ?? 0) + (plan.warmup ?? 0) + (plan.settle ?? 0);
    if (workload.rehearsal) {
      await generate(spellOut(rival.dialect, workload.rehearsal, server, 'early'), duration);
      await delay(SETTLE_MS);
    }
    const outcome = await generate(spellOut(rival.dialect, plan, server, 'user'), duration);
    return {
      values: Object.fromEntries(workload.measures.map(({ key, of }) => [key, of(outcome, plan)])),
      disturbance: disturbance(outcome, plan),
    };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new Error(`${reason} ${server.complaints()}`.trim(), { cause: error });
  } finally {
    await server.stop();
  }
}
