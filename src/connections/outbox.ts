import type { Socket } from 'node:net';

import type { Telemetry } from '../telemetry/telemetry.js';
import { unsentBytesOf, type TcpHandle, type TcpWriter } from './tcp-writer.js';
import type { Flushable, Turn } from './turn.js';
import type { Wire } from './wire.js';

/** Pieces up to this size are copied into one buffer; larger ones go to the socket as they are, in one `writev`. */
const COPY_BELOW_BYTES = 16 * 1024;

/**
 * So much is not kept until the turn ends. One turn may read megabytes of requests from a socket; whether their replies
 * find room shows only when they are written.
 */
const FLUSH_AT_BYTES = 128 * 1024;

/** An outbox that was stuck is free again when this share of its bound is left. */
const LOW_WATER = 0.25;

const NOTHING = Buffer.alloc(0);

/** What all outboxes of a node share. */
export interface OutboxContext {
  /** Bytes that may wait for one socket; 0 for no bound. */
  readonly bound: number;
  readonly turn: Turn;
  readonly writer: TcpWriter;
  readonly telemetry: Telemetry;
}

/**
 * What waits for one socket. It holds frames until the turn ends, writes them at once, and knows how far the other
 * side is behind: bytes that the kernel did not take stay counted until it does.
 */
export class Outbox implements Flushable {
  /** True while the kernel has not taken all that was written. */
  stuck = false;
  /** In the first turn a list, though an empty one: the turn's end is asked for already. */
  private pending: Buffer | Buffer[] | undefined = [];
  /** Undefined where writes have to go through the socket's stream. */
  private handle: TcpHandle | undefined;
  private started = false;
  private ended = false;
  private pendingBytes = 0;
  /** Bytes of a write past the stream that the kernel did not take whole. */
  private waitingBytes = 0;
  private relief: (() => void)[] | undefined;
  private lastUnsent = 0;

  constructor(
    /** How room messages look here: the fan-out need not touch the connection for it. */
    readonly wire: Wire,
    private readonly socket: Socket,
    private readonly context: OutboxContext,
  ) {
    context.turn.endWithOutbox(this);
  }

  /** Bytes that the socket has received. */
  get bytesRead(): number {
    return this.socket.bytesRead;
  }

  /** Bytes on their way to the socket and in it. */
  get backlog(): number {
    return this.pendingBytes + this.waitingBytes + this.socket.writableLength;
  }

  /** Bytes that may wait; 0 for no bound. */
  get bound(): number {
    return this.context.bound;
  }

  /** True when the other side is so far behind that its messages must wait in history. */
  get full(): boolean {
    const { bound } = this.context;
    return this.stuck && bound > 0 && this.backlog >= bound;
  }

  /**
   * Adds room messages, unless the other side is too far behind.
   *
   * @returns false when they were not taken
   */
  offer(bytes: Buffer): boolean {
    if (this.stuck) {
      if (this.full) return false;
      this.push(bytes);
    } else if (this.pending === undefined && this.context.turn.writesThrough) {
      this.write(bytes, bytes.length);
    } else {
      this.push(bytes);
    }
    return true;
  }

  /** Adds what must go out whatever the backlog: replies, announcements. */
  push(bytes: Buffer): void {
    if (this.ended) return;
    this.pendingBytes += bytes.length;
    if (this.pending === undefined) {
      this.pending = bytes;
      this.context.turn.endWithOutbox(this);
    } else if (Array.isArray(this.pending)) {
      this.pending.push(bytes);
    } else {
      this.pending = [this.pending, bytes];
    }
    if (this.pendingBytes >= FLUSH_AT_BYTES) this.flush();
  }

  flush(): void {
    const { pending, pendingBytes } = this;
    if (pending === undefined) return;
    this.pending = undefined;
    this.pendingBytes = 0;
    if (pendingBytes > 0) this.write(pending, pendingBytes);
    if (!this.started) this.start();
  }

  /** Until here all went through the stream, which was corked: the answer to the upgrade is in it. */
  private start(): void {
    this.started = true;
    this.socket.uncork();
    if (this.ended) return;
    if (this.socket.writableLength > 0) this.watch();
    this.handle = this.context.writer.handleOf(this.socket);
  }

  /** Writes what it has, and takes nothing any more: the close frame is the last one. */
  end(): void {
    this.flush();
    this.ended = true;
    this.handle = undefined;
  }

  /** Calls back once, when the other side has read so much that there is room again; at once if there is now. */
  whenRelieved(callback: () => void): void {
    if (!this.stuck) callback();
    else (this.relief ??= []).push(callback);
  }

  /** True if the other side has read anything since the last call, or has nothing to read. */
  hasProgressed(): boolean {
    if (!this.stuck) return true;
    const unsent = unsentBytesOf(this.socket);
    const progressed = unsent !== this.lastUnsent;
    this.lastUnsent = unsent;
    return progressed;
  }

  private write(piece: Buffer | readonly Buffer[], bytes: number): void {
    if (Buffer.isBuffer(piece)) this.writeOne(piece);
    else if (bytes <= COPY_BELOW_BYTES) this.writeOne(Buffer.concat(piece, bytes));
    else this.writeByStream(piece, bytes);
  }

  /** Past the stream while nothing waits in it. */
  private writeOne(bytes: Buffer): void {
    const { handle, socket } = this;
    const outcome = handle === undefined || this.stuck ? 'refused' : this.context.writer.write(handle, bytes);
    if (outcome === 'refused') {
      this.writeByStream([bytes], bytes.length);
      return;
    }
    if (outcome === 'failed') {
      // Part of a frame may be out. The client recovers on another connection, and gets nothing twice.
      socket.destroy();
      return;
    }
    this.count(bytes.length);
    if (outcome === 'written') return;
    this.waitingBytes = bytes.length;
    this.watch();
  }

  private writeByStream(pieces: readonly Buffer[], bytes: number): void {
    const { socket } = this;
    if (this.ended || !socket.writable) return;
    if (pieces.length > 1) socket.cork();
    for (const piece of pieces) socket.write(piece);
    if (pieces.length > 1) socket.uncork();
    this.count(bytes);
    if (this.started && !this.stuck && socket.writableLength > 0) this.watch();
  }

  private count(bytes: number): void {
    const { telemetry } = this.context;
    telemetry.writes += 1;
    telemetry.bytesOut += bytes;
  }

  /** An empty write calls back when all before it is with the kernel; `drain` comes only past a mark of the stream. */
  private watch(): void {
    this.stuck = true;
    this.socket.write(NOTHING, (error) => {
      if (error) return;
      this.waitingBytes = 0;
      if (this.socket.writableLength > this.context.bound * LOW_WATER) this.watch();
      else this.relieve();
    });
  }

  private relieve(): void {
    this.stuck = false;
    const { relief } = this;
    this.relief = undefined;
    if (relief !== undefined) for (const callback of relief) callback();
  }
}
