import cluster, { type Worker } from 'node:cluster';
import process from 'node:process';

import { Logger } from '@nestjs/common';

import { developmentSecret } from './auth/development-secret.js';
import { WORKER_NUMBER } from './cluster/siblings.js';
import type { RookeryOptions } from './config/rookery.options.js';
import { WorkerExchange } from './worker-exchange.js';

/** A worker that lived for less than this before it died gets its successor only after a pause. */
const SHORT_LIFE_MS = 10_000;
const PAUSE_MS = 1000;
/** Names the worker that says for all of them where the server is. */
const SPOKESMAN = 'ROOKERY_SPOKESMAN';

/** True in a process that is to say where the server is: the only one, or one of several. */
export function isSpokesman(): boolean {
  return !cluster.isWorker || process.env[SPOKESMAN] === '1';
}

/**
 * Runs the server in several processes on its one port. One that dies is replaced; a signal that ends this process
 * ends them all, each with its own clean shutdown.
 */
export function superviseWorkers(count: number, options: RookeryOptions): void {
  // What is measured holds numbers that JSON has no words for.
  cluster.setupPrimary({ serialization: 'advanced' });
  const supervisor = new Supervisor();
  // Made before the first of them could look for it: they must have one secret.
  if (options.auth === 'jwt' && options.nodeEnv === 'development') developmentSecret(options);
  for (let number = 1; number <= count; number += 1) supervisor.fork(number, number === 1);
}

class Supervisor {
  private readonly logger = new Logger(Supervisor.name);
  private readonly exchange = new WorkerExchange();
  private stopping = false;

  constructor() {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => this.stop());
  }

  /** @param number stays with the place: who follows a worker that died has its number */
  fork(number: number, isFirst = false): void {
    if (this.stopping) return;
    const worker = cluster.fork({ [SPOKESMAN]: isFirst ? '1' : '0', [WORKER_NUMBER]: String(number) });
    this.exchange.add(worker, number);
    const startedAt = performance.now();
    let served = false;
    worker.on('listening', () => (served = true));
    worker.on('exit', (code, signal) => this.replace(worker, number, { served, code, signal, startedAt }));
  }

  private stop(): void {
    this.stopping = true;
    for (const worker of Object.values(cluster.workers ?? {})) worker?.process.kill('SIGTERM');
  }

  private replace(
    { process: { pid } }: Worker,
    number: number,
    end: { served: boolean; code: number; signal: string; startedAt: number },
  ): void {
    if (this.stopping) {
      if (end.code !== 0) process.exitCode = end.code || 1;
      return;
    }
    // What keeps one from starting keeps all of them: it has said why.
    if (!end.served) {
      process.exitCode = 1;
      this.stop();
      return;
    }
    this.logger.error(`Worker ${pid} has died (${end.signal || `exit code ${end.code}`}); another takes its place`);
    const pauseMs = performance.now() - end.startedAt < SHORT_LIFE_MS ? PAUSE_MS : 0;
    setTimeout(() => this.fork(number), pauseMs);
  }
}
