import { constants, deflateRawSync } from 'node:zlib';

/** First byte of a frame: final fragment and opcode (RFC 6455, section 5.2). */
const FINAL_TEXT = 0x81;
const FINAL_PING = 0x89;
/** The bit by which a frame says that its message is compressed (RFC 7692, section 6). */
const COMPRESSED = 0x40;

/** What a sync flush ends with, and the receiver puts back (RFC 7692, section 7.2.1). */
const FLUSH_TAIL_BYTES = 4;

/** Fast rather than small: the event loop waits for it. */
const DEFLATE_OPTIONS = { level: constants.Z_BEST_SPEED, finishFlush: constants.Z_SYNC_FLUSH };

/** A ping without a body, ready for the socket. */
export const PING_FRAME = Buffer.from([FINAL_PING, 0]);

/** Puts text into one unmasked frame, as servers send it: ready for the socket, and the same bytes for every member. */
export function textFrame(text: string): Buffer {
  const length = Buffer.byteLength(text);
  const { frame, start } = frameFor(FINAL_TEXT, length);
  frame.write(text, start, length, 'utf8');
  return frame;
}

/**
 * The same, compressed by permessage-deflate. Each message is compressed by itself, which is what
 * `server_no_context_takeover` promises, so that these bytes, too, are the same for every member.
 */
export function compressedTextFrame(text: string): Buffer {
  const deflated = deflateRawSync(text, DEFLATE_OPTIONS);
  const length = deflated.length - FLUSH_TAIL_BYTES;
  const { frame, start } = frameFor(FINAL_TEXT | COMPRESSED, length);
  deflated.copy(frame, start, 0, length);
  return frame;
}

/** A frame with its header, and where its payload starts. */
function frameFor(firstByte: number, length: number): { frame: Buffer; start: number } {
  const start = headerLength(length);
  const frame = Buffer.allocUnsafe(start + length);
  frame[0] = firstByte;
  if (start === 2) {
    frame[1] = length;
  } else if (start === 4) {
    frame[1] = 126;
    frame.writeUInt16BE(length, 2);
  } else {
    frame[1] = 127;
    frame.writeUInt32BE(Math.floor(length / 2 ** 32), 2);
    frame.writeUInt32BE(length % 2 ** 32, 6);
  }
  return { frame, start };
}

function headerLength(length: number): 2 | 4 | 10 {
  if (length < 126) return 2;
  return length < 65_536 ? 4 : 10;
}
