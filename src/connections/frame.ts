/** First byte of a frame: final fragment and opcode (RFC 6455, section 5.2). */
const FINAL_TEXT = 0x81;
const FINAL_PING = 0x89;

/** A ping without a body, ready for the socket. */
export const PING_FRAME = Buffer.from([FINAL_PING, 0]);

/** Puts text into one unmasked frame, as servers send it: ready for the socket, and the same bytes for every member. */
export function textFrame(text: string): Buffer {
  const length = Buffer.byteLength(text);
  const start = headerLength(length);
  const frame = Buffer.allocUnsafe(start + length);
  frame[0] = FINAL_TEXT;
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
  frame.write(text, start, length, 'utf8');
  return frame;
}

function headerLength(length: number): 2 | 4 | 10 {
  if (length < 126) return 2;
  return length < 65_536 ? 4 : 10;
}
