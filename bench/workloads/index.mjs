import { handshakes, idle } from './connections.mjs';
import { burst, compression, fixedRate, large, manyRooms, single } from './fan-out.mjs';
import { members, rooms } from './growth.mjs';
import { herd } from './herd.mjs';
import { history } from './history.mjs';
import { redisCross, redisIdle, redisPublish } from './redis.mjs';
import { request } from './request.mjs';
import { stalled } from './stalled.mjs';

/**
 * What the load generator is to do; generator/generator.h explains each of them. Without `bytes` nothing is joined.
 *
 * @typedef {object} Plan
 * @property {number} members
 * @property {number} [groups]
 * @property {number} [rooms]
 * @property {number} [publishers]
 * @property {number} [window]
 * @property {number} [rate]
 * @property {number} [bytes] Size of a message's `data`, as JSON.
 * @property {boolean} [echo] With `bytes`, what is answered is a publish.
 * @property {boolean} [apart]
 * @property {boolean} [deflate]
 * @property {boolean} [stall]
 * @property {number} [parallel]
 * @property {number} [settle]
 * @property {number} [warmup]
 * @property {number} [seconds] How long the clock runs; 0 where there is nothing to be sent.
 */

/**
 * @typedef {object} Workload
 * @property {string} id
 * @property {string} label A few words, for the chart.
 * @property {string} title
 * @property {readonly string[]} rivals
 * @property {readonly import('./measures.mjs').Measure[]} measures
 * @property {Readonly<Record<string, Plan>>} cases By name; there is one, named '', where there is nothing to compare.
 * @property {number} [stretch] How much longer than the others it is measured; left out, it is not.
 * @property {Plan} [rehearsal] Run first against the same server, and not measured.
 * @property {Record<string, string>} [settings] More of the server's environment.
 * @property {number} [nodes] How many processes over one Redis make the server; left out, it is one without Redis.
 * @property {typeof import('../herd.mjs').measureHerd} [measureOnce] Measures it in a way of its own.
 */

/** @type {Workload[]} */
export const workloads = [
  burst,
  single,
  large,
  fixedRate,
  manyRooms,
  request,
  idle,
  handshakes,
  stalled,
  compression,
  members,
  rooms,
  history,
  redisPublish,
  redisCross,
  redisIdle,
  herd,
];
