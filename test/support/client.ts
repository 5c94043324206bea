import type { IncomingMessage } from 'node:http';

import { WebSocket } from 'ws';

import type { ServerMessages } from '../../src/protocol/messages.js';
import { PATIENCE_MS, eventually } from './eventually.js';
import { tokenFor, type Claims, type TestServer } from './server.js';
import { cleanUp } from './teardown.js';

export interface Frame {
  readonly type: string;
  // oxlint-disable-next-line typescript/no-explicit-any -- a test reads what came off the wire and asserts on it
  readonly payload?: any;
  readonly requestId?: string;
}

export interface ConnectOptions {
  readonly claims?: Claims;
  /** In place of one made from `claims`; `null` for none. */
  readonly token?: string | null;
  readonly query?: Readonly<Record<string, string>>;
  readonly headers?: Readonly<Record<string, string>>;
  readonly protocols?: readonly string[];
  /** In place of the server's own address. */
  readonly address?: string;
}

/** An upgrade that was answered with a plain HTTP status. */
export class RefusedError extends Error {
  constructor(
    readonly status: number,
    readonly headers: IncomingMessage['headers'],
    readonly body: { code?: string; message?: string },
  ) {
    super(`refused with ${status} ${JSON.stringify(body)}`);
  }
}

/** Close code of a connection that could not be set up. */
const INTERNAL_ERROR = 1011;

interface Waiter {
  readonly matches: (frame: Frame) => boolean;
  readonly resolve: (frame: Frame) => void;
  readonly fail: (why: string) => void;
}

/** A WebSocket client that keeps every frame until a test asks for it: none is missed, whatever the timing. */
export class TestClient {
  /** Frames that nobody has asked for yet. */
  readonly queue: Frame[] = [];
  /** Resolves when the connection is over. */
  readonly closed: Promise<{ code: number; reason: string }>;
  private readonly waiters = new Set<Waiter>();
  private requests = 0;
  /** How the connection ended. */
  private end: { readonly code: number; readonly reason: string } | undefined;

  constructor(readonly socket: WebSocket) {
    socket.on('message', (data: Buffer) => this.take(JSON.parse(data.toString()) as Frame));
    socket.on('error', () => undefined);
    this.closed = new Promise((resolve) => {
      socket.on('close', (code, reason) => {
        this.end = { code, reason: reason.toString() };
        for (const waiter of this.waiters) waiter.fail(`closed with ${JSON.stringify(this.end)}`);
        resolve(this.end);
      });
    });
  }

  send(type: string, payload?: unknown, requestId?: string): void {
    this.socket.send(JSON.stringify({ type, payload, requestId }));
  }

  /** Sends text as it is. */
  sendRaw(text: string | Buffer): void {
    this.socket.send(text);
  }

  /** Sends a request and waits for its one reply. */
  request(type: string, payload?: unknown): Promise<Frame> {
    const requestId = `r${(this.requests += 1)}`;
    this.send(type, payload, requestId);
    return this.nextWhere((frame) => frame.requestId === requestId, `the reply to ${type}`);
  }

  /** The next frame of a type, whether it is here already or still to come. */
  next<Type extends string>(
    type: Type,
  ): Promise<Frame & { payload: Type extends keyof ServerMessages ? ServerMessages[Type] : unknown }> {
    return this.nextWhere((frame) => frame.type === type, type) as never;
  }

  /** The next frame that fits; it leaves the queue. */
  nextWhere(matches: (frame: Frame) => boolean, what = 'a frame'): Promise<Frame> {
    const index = this.queue.findIndex(matches);
    const [found] = index < 0 ? [] : this.queue.splice(index, 1);
    if (found !== undefined) return Promise.resolve(found);
    return new Promise((resolve, reject) => {
      const waiter: Waiter = {
        matches,
        resolve: (frame) => {
          clearTimeout(timer);
          this.waiters.delete(waiter);
          resolve(frame);
        },
        fail: (why) => {
          clearTimeout(timer);
          this.waiters.delete(waiter);
          reject(new Error(`${what} did not come: ${why}; waiting: ${JSON.stringify(this.queue).slice(0, 1000)}`));
        },
      };
      const timer = setTimeout(() => waiter.fail(`not within ${PATIENCE_MS} ms`), PATIENCE_MS);
      if (this.end !== undefined) waiter.fail(`closed with ${JSON.stringify(this.end)}`);
      else this.waiters.add(waiter);
    });
  }

  /** Returns whether the greeting came; it stays in the queue. False if the server could not set the connection up. */
  async isGreeted(): Promise<boolean> {
    try {
      this.queue.unshift(await this.next('connected'));
      return true;
    } catch (error) {
      if (this.end?.code === INTERNAL_ERROR) return false;
      throw error;
    }
  }

  /** Everything that was sent before has been answered: what has not come by now does not come. */
  async settle(): Promise<void> {
    await this.request('ping');
  }

  /** Asked-for frames of a type that are here, without waiting. */
  takeAll(type: string): Frame[] {
    const taken = this.queue.filter((frame) => frame.type === type);
    for (const frame of taken) this.queue.splice(this.queue.indexOf(frame), 1);
    return taken;
  }

  close(code = 1000): Promise<{ code: number; reason: string }> {
    this.socket.close(code);
    return this.closed;
  }

  private take(frame: Frame): void {
    for (const waiter of this.waiters) {
      if (!waiter.matches(frame)) continue;
      waiter.resolve(frame);
      return;
    }
    this.queue.push(frame);
  }
}

/**
 * Connects; the client is cut at the end of the test.
 *
 * @throws RefusedError
 */
export async function connect(server: Pick<TestServer, 'ws'>, options: ConnectOptions = {}): Promise<TestClient> {
  const { claims, token = tokenFor(claims), query = {}, headers = {}, protocols = [], address } = options;
  const search = new URLSearchParams({ ...(token === null ? {} : { token }), ...query });
  const socket = new WebSocket(`${address ?? server.ws}?${search.toString()}`, [...protocols], { headers });
  const client = new TestClient(socket);
  cleanUp(() => socket.terminate());
  await new Promise<void>((resolve, reject) => {
    socket.once('open', resolve);
    socket.once('error', reject);
    socket.once('unexpected-response', (_request, response) => {
      collect(response).then(
        (text) => reject(new RefusedError(response.statusCode ?? 0, response.headers, parse(text))),
        reject,
      );
    });
  });
  return client;
}

/**
 * Connects, as clients do, until the server greets it: a node to which its Redis seems slow refuses connections, or
 * closes them before the greeting.
 */
export async function connectAgain(server: TestServer, options?: ConnectOptions): Promise<TestClient> {
  const outcome = await eventually(
    () => connectOnce(server, options),
    (found) => found !== 'unavailable',
  );
  if (outcome instanceof TestClient) return outcome;
  throw outcome;
}

async function connectOnce(server: TestServer, options?: ConnectOptions): Promise<unknown> {
  try {
    const client = await connect(server, options);
    return (await client.isGreeted()) ? client : 'unavailable';
  } catch (error) {
    return error instanceof RefusedError && error.status === 503 ? 'unavailable' : error;
  }
}

/** Connects, takes the greeting off the queue, and joins rooms. */
export async function join(server: TestServer, options: ConnectOptions = {}, ...rooms: string[]): Promise<TestClient> {
  const client = await connectAgain(server, options);
  await client.next('connected');
  for (const room of rooms) await client.request('join', room);
  return client;
}

async function collect(response: IncomingMessage): Promise<string> {
  let text = '';
  for await (const chunk of response) text += String(chunk);
  return text;
}

function parse(text: string): { code?: string; message?: string } {
  try {
    return JSON.parse(text) as { code?: string; message?: string };
  } catch {
    return {};
  }
}
