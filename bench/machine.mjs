import { cpus, release, totalmem, type } from 'node:os';

import { pinned } from './processes.mjs';

/** What the figures were made on: they mean nothing without it. */
export function describeMachine() {
  const all = cpus();
  return {
    cpu: all[0]?.model.trim() ?? 'unknown',
    cores: all.length,
    memory: `${Math.round(totalmem() / 2 ** 30)} GiB`,
    kernel: `${type()} ${release().split('-')[0]}`,
    node: process.version,
    pinned,
  };
}

/** @param {ReturnType<typeof describeMachine>} machine */
export function machineInOneLine({ cpu, cores, kernel, node, pinned: isPinned }) {
  const placing = isPinned ? 'server and load generator on a core each' : 'processes not pinned to cores';
  return `${cpu}, ${cores} cores, ${kernel}, Node ${node}, ${placing}`;
}
