import { readFileSync, readdirSync } from 'node:fs';

import { eventually } from '../support/eventually.js';
import { startProcess, type ServerProcess } from '../support/process.js';
import { SECRET } from '../support/server.js';
import type { TcpProxy } from '../support/tcp-proxy.js';

/** What a process holds of the machine. */
export interface Footprint {
  readonly descriptors: number;
  readonly bytes: number;
}

const ADDRESS_OF_NOBODY = 'ws://127.0.0.1:1/ws';

/** A node's process, and another in its place when it has ended. It reaches Redis by a way of its own. */
export class ChaosNode {
  private process: ServerProcess | undefined;
  private port: number | undefined;
  /** What the first process held when it was ready, and had no client. */
  idle: Footprint = { descriptors: 0, bytes: 0 };

  constructor(
    readonly way: TcpProxy,
    private readonly settings: Readonly<Record<string, string>>,
  ) {}

  async start(): Promise<void> {
    this.process = startProcess({
      REDIS_URL: `redis://127.0.0.1:${this.way.port}`,
      JWT_SECRET: SECRET,
      LOG_LEVEL: 'warn',
      ...this.settings,
    });
    this.port = await this.process.port();
  }

  /** Where it takes connections; undefined while it does not. */
  get address(): string | undefined {
    return this.port === undefined ? undefined : `ws://127.0.0.1:${this.port}/ws`;
  }

  get http(): string {
    return `http://127.0.0.1:${this.port ?? 1}`;
  }

  /** Ends by a signal, and another process takes its place. */
  async replace(signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
    this.port = undefined;
    this.process?.kill(signal);
    await this.process?.exited;
    await this.start();
  }

  pause(): void {
    this.process?.kill('SIGSTOP');
  }

  resume(): void {
    this.process?.kill('SIGCONT');
  }

  /** Resolves when it is ready for clients. */
  async ready(): Promise<void> {
    await eventually(
      () =>
        fetch(`${this.http}/health/ready`).then(
          ({ status }) => status,
          () => 0,
        ),
      (status) => status === 200,
    );
  }

  footprint(): Footprint {
    const { pid = 0 } = this.process ?? {};
    const [, pages = '0'] = readFileSync(`/proc/${pid}/statm`, 'utf8').split(' ');
    return { descriptors: readdirSync(`/proc/${pid}/fd`).length, bytes: Number(pages) * 4096 };
  }

  /** The last of what it has said, for whoever looks for a cause. */
  get lastWords(): string {
    return this.process?.output().slice(-2000) ?? '';
  }
}

/** Picks one of those that take connections. */
export function addressOfAny(nodes: readonly ChaosNode[], pick: (bound: number) => number): string {
  const addresses = nodes.flatMap(({ address }) => address ?? []);
  return addresses[pick(addresses.length)] ?? ADDRESS_OF_NOBODY;
}
