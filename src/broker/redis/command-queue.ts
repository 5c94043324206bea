import { Logger } from '@nestjs/common';
import { Redis } from 'ioredis';

import type { Distribution } from '../../telemetry/distribution.js';
import { BrokerUnavailableError } from '../broker.js';
import type { RedisClient } from './redis-client.js';
import { missingRight } from './rights.js';
import type { ScriptName } from './scripts/scripts.js';

/** Text that may be on its way; beyond, Redis does not keep up, and more of it would only wait longer. */
const MAX_OUTSTANDING_CHARACTERS = 64 * 1024 * 1024;

interface Command {
  readonly script: ScriptName;
  readonly keys: readonly string[];
  readonly args: readonly string[];
  readonly resolve: (reply: unknown) => void;
  readonly reject: (error: BrokerUnavailableError) => void;
  /** Redis has answered, or the connection is lost. */
  isSettled: boolean;
}

/**
 * Receives that an operation failed.
 *
 * @param key its first key
 * @param isReply Redis has answered with an error; otherwise the connection was lost, or no answer came in time
 */
export type FailureListener = (key: string, reason: string, isReply: boolean) => void;

/** The scripts as the client has them once they are defined, which its types cannot know. */
type ScriptCaller = Readonly<Record<ScriptName, (keys: number, ...keysAndArgs: readonly string[]) => unknown>>;

/**
 * Operations on their way to Redis. What is asked for within one turn of the event loop leaves in one write, in order,
 * and no turn waits for the answers of the one before. Each has a deadline: it answers or fails by then.
 */
export class CommandQueue {
  private readonly logger = new Logger(CommandQueue.name);
  private waiting: Command[] = [];
  private scheduled = false;
  private outstanding = 0;
  private readonly contributors: (() => void)[] = [];
  private readonly failureListeners: FailureListener[] = [];
  private lastError: string | undefined;

  /**
   * @param isConfirmed returns whether the client is known to be connected to the master
   * @param logAt log level for failures of the connection, lower for a further one to the same server
   * @param roundTrip seconds from the write of a turn's commands to the last answer
   */
  constructor(
    private readonly client: RedisClient,
    private readonly timeoutMs: number,
    private readonly isConfirmed: () => boolean,
    private readonly logAt: 'warn' | 'debug' = 'warn',
    private readonly roundTrip?: Distribution,
  ) {
    client.on('error', (error) => this.note(error));
    client.on('ready', () => (this.lastError = undefined));
  }

  /** True if one script can only use the keys of one slot. */
  get isCluster(): boolean {
    return this.client.isCluster;
  }

  /**
   * Runs a script.
   *
   * @throws BrokerUnavailableError
   */
  run(script: ScriptName, keys: readonly string[], args: readonly string[]): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const refusal = this.refusal();
      if (refusal !== undefined) {
        reject(refusal);
        return;
      }
      this.waiting.push({ script, keys, args, resolve, reject, isSettled: false });
      this.schedule();
    });
  }

  /** Why nothing can be sent now; undefined where it can. */
  refusal(): BrokerUnavailableError | undefined {
    if (this.client.status !== 'ready') return this.unavailable(this.lastError ?? 'not connected');
    if (!this.isConfirmed()) return this.unavailable('the sentinels are asked for the master');
    return this.outstanding > MAX_OUTSTANDING_CHARACTERS ? this.unavailable('too much is on its way') : undefined;
  }

  /** Has something hand in its commands when the turn ends; see {@link schedule}. */
  onFlush(contribute: () => void): void {
    this.contributors.push(contribute);
  }

  /** Registers a listener for operations that were sent and failed, or were not answered in time. */
  onFailure(listener: FailureListener): void {
    this.failureListeners.push(listener);
  }

  /** Has the turn end with a flush. */
  schedule(): void {
    if (this.scheduled) return;
    this.scheduled = true;
    setImmediate(() => this.flush());
  }

  private flush(): void {
    for (const contribute of this.contributors) contribute();
    this.scheduled = false;
    const batch = this.waiting;
    if (batch.length === 0) return;
    this.waiting = [];
    void this.send(batch);
  }

  private async send(batch: readonly Command[]): Promise<void> {
    const size = sizeOf(batch);
    const startedAt = performance.now();
    this.outstanding += size;
    const deadline = setTimeout(() => this.fail(batch, `no answer within ${this.timeoutMs} ms`), this.timeoutMs);
    try {
      const answered = await Promise.all(this.sendTogether(batch));
      // A connection that is lost ends them without an answer.
      if (answered.includes(true)) this.roundTrip?.observe((performance.now() - startedAt) / 1000);
    } catch (error) {
      this.fail(batch, this.note(error));
    } finally {
      clearTimeout(deadline);
      this.outstanding -= size;
    }
  }

  /** In one write: a pipeline of the client would do the same at twice the cost. */
  private sendTogether(batch: readonly Command[]): Promise<boolean>[] {
    // Rooms are on different servers of a cluster: its client has a connection to each.
    const stream = this.client instanceof Redis ? this.client.stream : undefined;
    stream?.cork();
    const answers = batch.map((command) => this.sendOne(command));
    stream?.uncork();
    return answers;
  }

  /** @returns false where Redis did not do it */
  private async sendOne(command: Command): Promise<boolean> {
    const { script, keys, args } = command;
    try {
      const caller = this.client as unknown as ScriptCaller;
      this.settle(command, [null, await caller[script](keys.length, ...keys, ...args)]);
      return true;
    } catch (error) {
      this.settle(command, [error instanceof Error ? error : new Error(String(error)), undefined]);
      return false;
    }
  }

  private settle(command: Command, [error, reply]: readonly [Error | null, unknown] = [null, undefined]): void {
    command.isSettled = true;
    if (error === null) {
      command.resolve(reply);
      return;
    }
    const reason = this.note(error);
    command.reject(this.unavailable(reason));
    this.tell(command, reason, error.name === 'ReplyError');
  }

  private fail(batch: readonly Command[], reason: string): void {
    for (const command of batch) {
      if (command.isSettled) continue;
      command.reject(this.unavailable(reason));
      this.tell(command, reason, false);
    }
  }

  private tell({ keys: [key = ''] }: Command, reason: string, isReply: boolean): void {
    for (const listener of this.failureListeners) listener(key, reason, isReply);
  }

  private unavailable(reason: string): BrokerUnavailableError {
    return new BrokerUnavailableError(`Redis: ${reason}`);
  }

  /** Remembers what is wrong, and logs it once for as long as it stays the same. */
  private note(error: unknown): string {
    const reason = reasonOf(error);
    if (reason !== this.lastError) this.logger[this.logAt](`Redis: ${reason}`);
    this.lastError = reason;
    return reason;
  }
}

function sizeOf(batch: readonly Command[]): number {
  let size = 0;
  for (const { args } of batch) for (const arg of args) size += arg.length;
  return size;
}

/** Short, and without the server's address: readiness shows it to whoever asks. */
function reasonOf(error: unknown): string {
  if (typeof error === 'object' && error !== null && 'code' in error && typeof error.code === 'string')
    return error.code;
  if (!(error instanceof Error)) return String(error);
  const right = missingRight(error.message);
  if (right !== undefined) return right;
  // Failed scripts name themselves at length after this.
  return error.message.split(' script: ', 1)[0] ?? error.name;
}
