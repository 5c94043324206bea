import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

import { eventually } from '../../../test/support/eventually.js';
import { watch } from '../../../test/support/process.js';
import { tokenFor, type TestServer } from '../../../test/support/server.js';
import type { AnyRooms, ClientOptions } from '../../src/index.js';
import { listen } from './listen.js';
import { SOON } from './rookery.js';

const MEMBER = fileURLToPath(new URL('member.mjs', import.meta.url));

/** A line that a member's process writes. */
export interface Entry {
  readonly state?: string;
  readonly message?: unknown;
  readonly gap?: string;
  readonly joined?: true;
  readonly publishing?: unknown;
  readonly accepted?: unknown;
  readonly refused?: unknown;
  readonly code?: string;
}

export interface StoppableOptions {
  /** Seconds that each token is good for. */
  readonly tokenSeconds?: number;
  readonly client?: Pick<ClientOptions<AnyRooms>, 'liveness'>;
}

/** A member of the room `r` in a process of its own, which can be stopped and go on like a machine that sleeps. */
export class Stoppable {
  private constructor(
    private readonly process: ReturnType<typeof watch>,
    private readonly write: (line: string) => void,
    /** Why its token function was asked, each time. */
    readonly asked: readonly string[],
  ) {}

  /** Starts it with the client's build, and waits until it is in the room. */
  static async start(
    { ws }: Pick<TestServer, 'ws'>,
    { tokenSeconds = 3600, client = {} }: StoppableOptions = {},
  ): Promise<Stoppable> {
    const asked: string[] = [];
    const tokens = await serveTokens(tokenSeconds, asked);
    const argument = JSON.stringify({ ws, tokens, options: { reconnect: SOON, ...client } });
    const child = spawn(process.execPath, [MEMBER, argument]);
    const watched = watch(child, (signal) => child.kill(signal));
    const member = new Stoppable(watched, (line) => child.stdin.write(line), asked);
    await member.until((entries) => entries.some(({ joined }) => joined === true));
    return member;
  }

  /** Stops it. Nothing of it runs until it goes on. */
  stop(): void {
    this.process.kill('SIGSTOP');
  }

  goOn(): void {
    this.process.kill('SIGCONT');
  }

  publish(data: unknown, timeoutMs?: number): void {
    this.write(`${JSON.stringify({ data, timeoutMs })}\n`);
  }

  /** What it has written so far. */
  entries(): Entry[] {
    const lines = this.process.output().split('\n').slice(0, -1);
    return lines.map((line) => JSON.parse(line) as Entry);
  }

  /** What it was given, in order: messages and gaps. */
  seen(): unknown[] {
    return this.entries().flatMap(({ message, gap }) => message ?? gap ?? []);
  }

  until(holds: (entries: Entry[]) => boolean): Promise<Entry[]> {
    return eventually(() => this.entries(), holds);
  }

  /** Resolves with what it was given, when it is so much or more. */
  async sees(count: number): Promise<unknown[]> {
    await this.until(() => this.seen().length >= count);
    return this.seen();
  }
}

/** Gives a new token to whoever asks; the path says why. */
function serveTokens(seconds: number, asked: string[]): Promise<string> {
  return listen(({ url = '' }, response) => {
    asked.push(url.slice(1));
    response.end(tokenFor({ exp: Math.floor(Date.now() / 1000) + seconds }));
  });
}
