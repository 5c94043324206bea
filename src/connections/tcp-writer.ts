import type { Socket } from 'node:net';

/**
 * The only file that knows how Node's sockets write. A socket's stream touches some ten objects for each write; with
 * thousands of members none of them is in the processor's caches when its turn comes. Bytes go past it to the handle
 * below, which is what the stream does with them in the end.
 *
 * Whoever writes whole frames may do so at any time: what the stream still has waits in the same queue of the kernel's
 * socket, and goes out before or after, not in between.
 */
export interface TcpHandle {
  /** Bytes that the kernel has not taken yet. */
  readonly writeQueueSize: number;
  /** Writes at once what the kernel takes, and the rest later. Answers with an error number, or 0. */
  writeBuffer(request: WriteRequest, bytes: Buffer): number;
}

/** What Node makes for each write. It is used up only if something is left to be written later. */
interface WriteRequest {
  buffer?: Buffer;
  oncomplete?: () => void;
}

/** `refused`: nothing was written, and the stream has to find out why. */
export type WriteOutcome = 'written' | 'waiting' | 'refused';

interface SocketInsides {
  readonly _handle: (Partial<TcpHandle> & { readonly constructor: { readonly name: string } }) | null;
}

/** Makes requests; known once a stream has made one. */
let WriteRequestClass: (new () => WriteRequest) | undefined;
let unused: WriteRequest | undefined;

/** The handle below a plain TCP socket; undefined for any other one, and where Node's insides are not as expected. */
export function tcpHandleOf(socket: Socket): TcpHandle | undefined {
  const handle = (socket as Partial<Socket & SocketInsides>)._handle;
  if (handle?.constructor.name !== 'TCP') return undefined;
  if (typeof handle.writeBuffer !== 'function' || typeof handle.writeQueueSize !== 'number') return undefined;
  return handle as TcpHandle;
}

/** Writes past the stream of a socket that has nothing waiting. */
export function writeTo(handle: TcpHandle, socket: Socket, bytes: Buffer): WriteOutcome {
  unused ??= makeRequest();
  if (unused === undefined) return learnFrom(handle, socket, bytes);
  if (handle.writeBuffer(unused, bytes) !== 0) return 'refused';
  if (handle.writeQueueSize === 0) return 'written';
  // The handle has to keep what it still reads from; if the write fails, so does the stream's next one.
  unused.buffer = bytes;
  unused.oncomplete = () => undefined;
  unused = undefined;
  return 'waiting';
}

function makeRequest(): WriteRequest | undefined {
  return WriteRequestClass === undefined ? undefined : new WriteRequestClass();
}

/** Lets the stream write once, and looks what kind of request it makes. */
function learnFrom(handle: TcpHandle, socket: Socket, bytes: Buffer): WriteOutcome {
  // Hides the method of the handle's class for one call.
  handle.writeBuffer = (request, buffer) => {
    WriteRequestClass = request.constructor as new () => WriteRequest;
    Reflect.deleteProperty(handle, 'writeBuffer');
    return handle.writeBuffer(request, buffer);
  };
  socket.write(bytes);
  Reflect.deleteProperty(handle, 'writeBuffer');
  return socket.writableLength > 0 ? 'waiting' : 'written';
}

/** Bytes that the kernel has not taken yet of what is being written: shrinks while the other side reads. */
export function unsentBytesOf(socket: Socket): number {
  return (socket as Partial<Socket & SocketInsides>)._handle?.writeQueueSize ?? 0;
}
