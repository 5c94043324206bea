import type { WebSocket } from 'ws';

interface Piece {
  readonly bytes: Buffer;
  readonly taken: (() => void) | undefined;
}

/** A socket whose other side reads or does not, as the schedule says. Bytes count as received once they are taken. */
export class FakeSocket {
  writable = true;
  bytesRead = 0;
  private stalled = false;
  private waiting: Piece[] = [];

  constructor(private readonly onBytes: (bytes: Buffer) => void) {}

  get writableLength(): number {
    return this.waiting.reduce((sum, { bytes }) => sum + bytes.length, 0);
  }

  write(bytes: Buffer, taken?: () => void): boolean {
    if (this.stalled) this.waiting.push({ bytes, taken });
    else this.take({ bytes, taken });
    return !this.stalled;
  }

  cork(): void {
    // Pieces are taken one by one here.
  }

  uncork(): void {
    // See above.
  }

  stall(): void {
    this.stalled = true;
  }

  resume(): void {
    this.stalled = false;
    for (const piece of this.waiting.splice(0)) this.take(piece);
  }

  /** The other side reads so many pieces of what waits, and no more. */
  readSome(pieces: number): void {
    for (const piece of this.waiting.splice(0, pieces)) this.take(piece);
  }

  /** What was not taken is lost, as on a wire that is cut. */
  cut(): void {
    this.writable = false;
    this.waiting = [];
  }

  private take({ bytes, taken }: Piece): void {
    this.onBytes(bytes);
    if (taken !== undefined) queueMicrotask(taken);
  }
}

/** As much of a WebSocket as a connection uses. */
export function fakeWebSocket(socket: FakeSocket): WebSocket {
  const ws = {
    _receiver: null,
    close: () => socket.cut(),
    terminate: () => socket.cut(),
    pause: () => undefined,
    resume: () => undefined,
  };
  return ws as unknown as WebSocket;
}

/** The texts of the frames in a run of bytes; a frame may come in several pieces. */
export class FrameReader {
  private rest: Buffer = Buffer.alloc(0);

  read(bytes: Buffer): string[] {
    this.rest = Buffer.concat([this.rest, bytes]);
    const texts: string[] = [];
    for (;;) {
      const short = (this.rest[1] ?? 0) & 0x7f;
      if (this.rest.length < 2 || short === 127) return texts;
      const start = short === 126 ? 4 : 2;
      if (this.rest.length < start) return texts;
      const length = short === 126 ? this.rest.readUInt16BE(2) : short;
      if (this.rest.length < start + length) return texts;
      texts.push(this.rest.toString('utf8', start, start + length));
      this.rest = this.rest.subarray(start + length);
    }
  }
}
