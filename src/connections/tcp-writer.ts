import type { Socket } from 'node:net';

import { Logger } from '@nestjs/common';

/**
 * The handle below a plain TCP socket, as far as it is used here. A socket's stream touches some ten objects for each
 * write; with thousands of members none of them is in the processor's caches when its turn comes. Bytes go past the
 * stream to the handle, which is what the stream does with them in the end.
 *
 * Whoever writes whole frames may do so at any time: what the stream still has waits in the same queue of the kernel's
 * socket, and goes out before or after, not in between.
 */
export interface TcpHandle {
  /** Bytes that the kernel has not taken yet. */
  readonly writeQueueSize: number;
  /** Writes at once what the kernel takes, and the rest later; what it returns differs between versions of Node. */
  writeBuffer(request: WriteRequest | null, bytes: Buffer): number | WriteRequest;
}

/** Stands for one write until the kernel has taken all of it. */
export interface WriteRequest {
  buffer?: Buffer | null;
  oncomplete?: (() => void) | null;
  /** Returns {@link NOT_IN_USE} until a write takes the request, and after that write has ended. */
  getAsyncId(): number;
}

const NOT_IN_USE = -1;

/** `refused`: nothing was written, and the stream has to find out why. `failed`: nobody knows what was written. */
export type WriteOutcome = 'written' | 'waiting' | 'refused' | 'failed';

/** One way in which versions of Node write to a handle. */
export interface WriteStrategy {
  /** Writes to a socket that has nothing waiting. */
  write(handle: TcpHandle, bytes: Buffer): Exclude<WriteOutcome, 'failed'>;
}

interface SocketInsides {
  readonly _handle: (Partial<TcpHandle> & { readonly constructor: { readonly name: string } }) | null;
}

/**
 * Writes past the streams of sockets, where this version of Node is known to let that happen. Node's insides are no
 * API: {@link WriteStrategy} is chosen and proven at start (`tcp-probe.ts`), and everything goes through the streams
 * where none is.
 */
export class TcpWriter {
  private readonly logger = new Logger(TcpWriter.name);

  constructor(private strategy: WriteStrategy | undefined) {}

  /**
   * Makes a writer whose strategy is proven, or one that leaves all sockets to their streams and says so in the log.
   *
   * @param prove rejects with the reason where no strategy works
   */
  static async proven(prove: () => Promise<WriteStrategy>): Promise<TcpWriter> {
    try {
      return new TcpWriter(await prove());
    } catch (error) {
      const writer = new TcpWriter(undefined);
      writer.report(error);
      return writer;
    }
  }

  /** Returns the handle below a plain TCP socket; undefined for other sockets and where only the stream may write. */
  handleOf(socket: Socket): TcpHandle | undefined {
    return this.strategy === undefined ? undefined : tcpHandleOf(socket);
  }

  /** Writes past the stream of a socket that has nothing waiting. Never throws. */
  write(handle: TcpHandle, bytes: Buffer): WriteOutcome {
    if (this.strategy === undefined) return 'refused';
    try {
      return this.strategy.write(handle, bytes);
    } catch (error) {
      // What fails for one socket fails for all of them: from now on the streams write.
      this.strategy = undefined;
      this.report(error);
      return 'failed';
    }
  }

  private report(error: unknown): void {
    const reason = error instanceof Error ? error.message : String(error);
    this.logger.warn(
      `Node ${process.version} does not let messages go past the streams of sockets (${reason}). They go through the streams, which takes more CPU time.`,
    );
  }
}

/** Returns the handle below a plain TCP socket; undefined for any other one, and where Node's insides have changed. */
export function tcpHandleOf(socket: Socket): TcpHandle | undefined {
  const handle = (socket as Partial<Socket & SocketInsides>)._handle;
  if (handle?.constructor.name !== 'TCP') return undefined;
  if (typeof handle.writeBuffer !== 'function' || typeof handle.writeQueueSize !== 'number') return undefined;
  return handle as TcpHandle;
}

/** Bytes that the kernel has not taken yet of what is being written: shrinks while the other side reads. */
export function unsentBytesOf(socket: Socket): number {
  return (socket as Partial<Socket & SocketInsides>)._handle?.writeQueueSize ?? 0;
}

/** Up to Node 25 the caller makes the request. One that was not needed serves the next write. */
export class CallerRequests implements WriteStrategy {
  private unused: WriteRequest | undefined;

  /** @param Request the class of the requests that streams make */
  constructor(private readonly Request: new () => WriteRequest) {}

  write(handle: TcpHandle, bytes: Buffer): Exclude<WriteOutcome, 'failed'> {
    const request = (this.unused ??= new this.Request());
    if (handle.writeBuffer(request, bytes) !== 0) return 'refused';
    // The size of the queue does not tell: the kernel may take the rest at the second try, and the request still ends
    // only later. One that is in use must not be handed over again; Node would abort the process.
    if (request.getAsyncId() === NOT_IN_USE) return 'written';
    this.unused = undefined;
    keep(request, bytes);
    return 'waiting';
  }
}

/** From Node 26 on the handle makes the request, and only where something is left to be written later. */
export class HandleRequests implements WriteStrategy {
  write(handle: TcpHandle, bytes: Buffer): Exclude<WriteOutcome, 'failed'> {
    const result = handle.writeBuffer(null, bytes);
    if (typeof result === 'number') return result === 0 ? 'written' : 'refused';
    keep(result, bytes);
    return 'waiting';
  }
}

/** The handle still reads from the buffer. Nobody waits for the request: if it fails, so does the stream's next one. */
function keep(request: WriteRequest, bytes: Buffer): void {
  request.buffer = bytes;
  request.oncomplete = nothing;
}

function nothing(): void {
  // See above.
}
