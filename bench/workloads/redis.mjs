import {
  cpuPerDelivery,
  cpuPerPublish,
  generatorBusy,
  idleCpu,
  idleStoreCpu,
  p50,
  p99,
  rate,
  storeCpu,
  wireBytes,
} from './measures.mjs';

/** Those whose messages reach other nodes by Redis. */
export const OVER_REDIS = ['socket-io-pubsub', 'socket-io-sharded', 'socket-io-streams'];

const RIVALS = ['rookery', ...OVER_REDIS];

/**
 * Nobody is in the rooms: what remains is the way from a socket into Redis. Rookery answers when Redis has numbered and
 * kept the message; Socket.IO when it has been handed to the client of Redis, and by pub/sub it is not kept.
 *
 * @type {import('./index.mjs').Workload}
 */
export const redisPublish = {
  id: 'redis-publish',
  label: 'Publishing into Redis',
  title: '100 connections to one node, 4 publishes in flight each, 128 bytes, rooms without members',
  rivals: RIVALS,
  measures: [cpuPerPublish, storeCpu, rate, p50, p99, generatorBusy],
  cases: {
    'one room': { members: 100, publishers: 100, window: 4, bytes: 128, echo: true },
    '100 rooms': { members: 100, groups: 100, publishers: 1, window: 4, bytes: 128, echo: true },
  },
  nodes: 1,
};

/**
 * All who publish are on one node, and all who get it on the other: every delivery has gone through Redis.
 *
 * @type {import('./index.mjs').Workload}
 */
export const redisCross = {
  id: 'redis-cross',
  label: 'From node to node over Redis',
  title: 'Publishers on one node, members on another, 128 bytes; CPU of both nodes',
  rivals: RIVALS,
  measures: [cpuPerDelivery, storeCpu, rate, p50, p99, wireBytes, generatorBusy],
  cases: {
    // Subscriptions of Socket.IO may take effect after it has answered the join.
    'one room': { members: 510, publishers: 10, window: 16, bytes: 128, apart: true, settle: 1 },
    'many rooms': { members: 1000, groups: 200, publishers: 1, window: 4, bytes: 128, apart: true, settle: 1 },
    // A message at a time: what it costs to wake up for each of them, for everybody.
    'many rooms, 1,000 a second': {
      members: 1000,
      groups: 200,
      publishers: 1,
      window: 64,
      rate: 1000,
      bytes: 128,
      apart: true,
      settle: 1,
    },
  },
  nodes: 2,
};

/**
 * Nothing is published. Heartbeats are part of it, and whatever nodes do to find out whether they missed something.
 *
 * @type {import('./index.mjs').Workload}
 */
export const redisIdle = {
  id: 'redis-idle',
  label: 'Idle users over Redis',
  title: '8,000 idle users on one node, in 800 rooms',
  rivals: RIVALS,
  measures: [idleCpu, idleStoreCpu],
  cases: { '': { members: 8000, groups: 800, publishers: 0, bytes: 128, settle: 5, seconds: 60 } },
  nodes: 1,
};
