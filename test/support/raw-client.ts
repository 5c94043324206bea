import { randomBytes } from 'node:crypto';

import type { Frame } from './client.js';
import { eventually } from './eventually.js';
import { RawSocket, handshake, openSocket, type HandshakeChanges } from './raw-socket.js';
import type { TestServer } from './server.js';

/** Opcodes of RFC 6455, section 5.2. */
export const OPCODE = { CONTINUATION: 0, TEXT: 1, BINARY: 2, CLOSE: 8, PING: 9, PONG: 10 } as const;

export interface FrameShape {
  readonly opcode?: number;
  readonly payload?: string | Buffer;
  readonly final?: boolean;
  readonly masked?: boolean;
  /** The three reserved bits, as a number from 0 to 7. */
  readonly reserved?: number;
  /** What the head says in place of the payload's length. */
  readonly claimedLength?: number;
}

/** One frame as a client sends it, or as no client should. */
export function frame(shape: FrameShape = {}): Buffer {
  const { opcode = OPCODE.TEXT, payload = '', final = true, masked = true, reserved = 0 } = shape;
  const body = Buffer.from(payload);
  const length = shape.claimedLength ?? body.length;
  const first = Buffer.from([(final ? 0x80 : 0) | (reserved << 4) | opcode]);
  const head = Buffer.concat([first, lengthOf(length, masked)]);
  if (!masked) return Buffer.concat([head, body]);
  const mask = randomBytes(4);
  return Buffer.concat([head, mask, body.map((byte, index) => byte ^ (mask[index % 4] ?? 0))]);
}

function lengthOf(length: number, masked: boolean): Buffer {
  const mask = masked ? 0x80 : 0;
  if (length < 126) return Buffer.from([mask | length]);
  if (length < 65_536) return Buffer.from([mask | 126, length >> 8, length & 0xff]);
  const long = Buffer.alloc(9);
  long[0] = mask | 127;
  long.writeBigUInt64BE(BigInt(length), 1);
  return long;
}

/** The payload of a close frame. */
export function closePayload(code: number, reason: string | Buffer = ''): Buffer {
  return Buffer.concat([Buffer.from([code >> 8, code & 0xff]), Buffer.from(reason)]);
}

export interface ReceivedFrame {
  readonly opcode: number;
  readonly payload: Buffer;
}

/** A WebSocket client that answers nothing by itself: no pong, no close. */
export class RawClient {
  constructor(
    readonly socket: RawSocket,
    private start: number,
  ) {}

  send(shape: FrameShape): void {
    this.socket.write(frame(shape));
  }

  sendJson(value: unknown): void {
    this.send({ payload: JSON.stringify(value) });
  }

  /** Lets go of what has come so far, up to the last whole frame. */
  forget(): void {
    const rest = this.socket.received.subarray(this.start);
    this.socket.received = Buffer.from(rest.subarray(lengthOfFrames(rest)));
    this.start = 0;
  }

  /** Every frame that has come so far. */
  frames(): ReceivedFrame[] {
    return framesIn(this.socket.received.subarray(this.start));
  }

  /** Messages of a type that have come so far. */
  messages(type: string): Frame[] {
    return this.frames()
      .filter(({ opcode }) => opcode === OPCODE.TEXT)
      .map(({ payload }) => JSON.parse(payload.toString()) as Frame)
      .filter((message) => message.type === type);
  }

  async untilMessage(type: string): Promise<void> {
    await eventually(
      () => this.messages(type).length,
      (count) => count > 0,
    );
  }

  /** The code of the server's close frame; 1006 when the connection ended without one. */
  async closeCode(): Promise<number> {
    const code = await eventually(
      () => this.codeOfClose() ?? (this.socket.closed ? 1006 : undefined),
      (value) => value !== undefined,
    );
    return code ?? 1006;
  }

  private codeOfClose(): number | undefined {
    const close = this.frames().find(({ opcode }) => opcode === OPCODE.CLOSE);
    if (close === undefined) return undefined;
    return close.payload.length < 2 ? 1005 : close.payload.readUInt16BE(0);
  }
}

/** Upgrades a raw connection and waits for the greeting. */
export async function openRaw(server: TestServer, changes: HandshakeChanges = {}): Promise<RawClient> {
  const socket = await openSocket(server);
  socket.write(handshake(changes));
  const { status, body } = await socket.answer();
  if (status !== 101) throw new Error(`refused with ${status} ${body}`);
  const client = new RawClient(socket, socket.received.indexOf('\r\n\r\n') + 4);
  await client.untilMessage('connected');
  return client;
}

function framesIn(bytes: Buffer): ReceivedFrame[] {
  return walk(bytes).frames;
}

function lengthOfFrames(bytes: Buffer): number {
  return walk(bytes).end;
}

function walk(bytes: Buffer): { readonly frames: ReceivedFrame[]; readonly end: number } {
  const frames: ReceivedFrame[] = [];
  let at = 0;
  while (at + 2 <= bytes.length) {
    const opcode = bytes.readUInt8(at) & 0x0f;
    const short = bytes.readUInt8(at + 1);
    const extra = short === 126 ? 2 : short === 127 ? 8 : 0;
    const start = at + 2 + extra;
    if (start > bytes.length) break;
    const length = extra === 0 ? short : bytes.subarray(at + 2, start).reduce((sum, byte) => sum * 256 + byte, 0);
    if (start + length > bytes.length) break;
    frames.push({ opcode, payload: bytes.subarray(start, start + length) });
    at = start + length;
  }
  return { frames, end: at };
}
