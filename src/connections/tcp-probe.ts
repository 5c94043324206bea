import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

import {
  CallerRequests,
  HandleRequests,
  tcpHandleOf,
  unsentBytesOf,
  type TcpHandle,
  type WriteRequest,
  type WriteStrategy,
} from './tcp-writer.js';

/** How long all of it may take; a busy machine needs some tens of milliseconds. */
const TIMEOUT_MS = 10_000;

const CHUNK = Buffer.alloc(256 * 1024, 'Rookery probes the sockets of this Node. ');
/** More than any kernel takes for a socket whose other side does not read. */
const MAX_CHUNKS = 512;

/** Both ends of a TCP connection on this machine; nothing reads the far one yet. */
interface Pair {
  readonly near: Socket;
  readonly handle: TcpHandle;
  readonly far: Socket;
}

let strategy: Promise<WriteStrategy> | undefined;

/**
 * Finds out, once in a process, how this version of Node writes to the handles below its sockets, and proves it on
 * sockets of its own.
 *
 * @throws Error with the reason where it cannot be done, or not without doubt
 */
export function provenStrategy(): Promise<WriteStrategy> {
  return (strategy ??= withPairs(async (open) => {
    const learnt = learn(await open());
    await check(learnt, open);
    return learnt;
  }));
}

/**
 * Proves that a strategy keeps the order of what is written, shows what the kernel has not taken, loses nothing of it,
 * and refuses to write to sockets that have ended.
 *
 * @throws Error with what does not hold
 */
export function checkStrategy(candidate: WriteStrategy): Promise<void> {
  return withPairs((open) => check(candidate, open));
}

/** Looks at the request with which a socket's stream writes: the wrong kind of it would abort the process. */
function learn({ near, handle }: Pair): WriteStrategy {
  let seen: WriteRequest | null | undefined;
  // Hides the method of the handle's class for one call.
  handle.writeBuffer = (request, bytes) => {
    seen = request;
    Reflect.deleteProperty(handle, 'writeBuffer');
    return handle.writeBuffer(request, bytes);
  };
  near.write(CHUNK.subarray(0, 1));
  Reflect.deleteProperty(handle, 'writeBuffer');
  if (seen === undefined) throw new Error('the stream writes in another way');
  if (seen === null) return new HandleRequests();
  assert.equal(typeof seen.getAsyncId, 'function', 'a request does not tell whether it is in use');
  return new CallerRequests(seen.constructor as new () => WriteRequest);
}

async function check(candidate: WriteStrategy, open: () => Promise<Pair>): Promise<void> {
  const whole = await open();
  await checkOrder(candidate, whole);
  await checkEnd(candidate, whole);
  await checkReset(candidate, await open());
}

async function checkOrder(candidate: WriteStrategy, { near, handle, far }: Pair): Promise<void> {
  assert.equal(candidate.write(handle, CHUNK.subarray(0, 10)), 'written', 'a short write waits');
  near.write(CHUNK.subarray(10, 30));
  assert.equal(candidate.write(handle, CHUNK.subarray(30, 60)), 'written', 'a short write waits');
  near.write(CHUNK.subarray(60));
  await new Promise((resolve) => near.write('', resolve));
  const chunks = 1 + fill(candidate, handle);
  assert.ok(unsentBytesOf(near) > 0, 'what waits does not show');
  const drained = new Promise((resolve) => near.write('', resolve));
  await readChunks(far, chunks);
  await drained;
  assert.ok(unsentBytesOf(near) === 0, 'what is written still waits');
}

/** @returns how many chunks it took until one had to wait */
function fill(candidate: WriteStrategy, handle: TcpHandle): number {
  for (let chunks = 1; chunks <= MAX_CHUNKS; chunks += 1) {
    const outcome = candidate.write(handle, CHUNK);
    assert.ok(outcome !== 'refused', 'a write to an open socket is refused');
    if (outcome === 'waiting') return chunks;
  }
  throw new Error('no write ever waits');
}

/** Reads a number of chunks, and compares each byte with what was written. */
async function readChunks(far: Socket, chunks: number): Promise<void> {
  const total = chunks * CHUNK.length;
  let position = 0;
  for await (const piece of far.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    for (let at = 0; at < piece.length;) {
      const start = position % CHUNK.length;
      const length = Math.min(piece.length - at, CHUNK.length - start);
      const same = piece.compare(CHUNK, start, start + length, at, at + length) === 0;
      assert.ok(same, 'bytes come in another order');
      at += length;
      position += length;
    }
    if (position >= total) break;
  }
  assert.ok(position === total, 'bytes are lost or doubled');
}

async function checkEnd(candidate: WriteStrategy, { near, handle }: Pair): Promise<void> {
  await new Promise<void>((resolve) => near.end(resolve));
  assert.equal(candidate.write(handle, CHUNK), 'refused', 'a write after the end is taken');
}

async function checkReset(candidate: WriteStrategy, { near, handle, far }: Pair): Promise<void> {
  fill(candidate, handle);
  const closed = new Promise((resolve) => near.once('close', resolve));
  near.resume();
  far.resetAndDestroy();
  await closed;
  assert.equal(candidate.write(handle, CHUNK), 'refused', 'a write to a closed socket is taken');
}

/** Gives an action pairs of sockets for a limited time, and frees them. */
async function withPairs<T>(action: (open: () => Promise<Pair>) => Promise<T>): Promise<T> {
  const sockets: Socket[] = [];
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error('the probe took too long')), TIMEOUT_MS);
  });
  try {
    return await Promise.race([action(() => openPair(sockets)), timeout]);
  } finally {
    clearTimeout(timer);
    for (const socket of sockets) socket.destroy();
  }
}

async function openPair(sockets: Socket[]): Promise<Pair> {
  const server = createServer();
  try {
    // Of this process alone: workers would share the port, and connect to each other.
    server.listen({ port: 0, host: '127.0.0.1', exclusive: true });
    await once(server, 'listening');
    const far = connect((server.address() as AddressInfo).port, '127.0.0.1');
    sockets.push(far);
    far.on('error', ignore);
    far.pause();
    const [near] = (await once(server, 'connection')) as [Socket];
    sockets.push(near);
    near.on('error', ignore);
    if (far.connecting) await once(far, 'connect');
    const handle = tcpHandleOf(near);
    if (handle === undefined) throw new Error('sockets have other handles');
    return { near, handle, far };
  } finally {
    server.close();
  }
}

function ignore(): void {
  // Sockets are reset on purpose; what fails otherwise shows in what does not arrive.
}
