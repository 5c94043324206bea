/** Number of slots of a Redis Cluster. */
export const SLOTS = 16_384;

/** The polynomial of CRC-16/XMODEM. */
const POLYNOMIAL = 0x10_21;
const TABLE = Uint16Array.from({ length: 256 }, (_, byte) => {
  let remainder = byte << 8;
  for (let bit = 0; bit < 8; bit += 1) remainder = (remainder << 1) ^ ((remainder & 0x80_00) === 0 ? 0 : POLYNOMIAL);
  return remainder;
});

/**
 * Returns the slot of a key on a Redis Cluster: of the part in the first braces if there is one, else of all of it.
 *
 * @see https://redis.io/docs/latest/operate/oss_and_stack/reference/cluster-spec/#hash-tags
 * @example
 * keySlot('rookery{general}:m') === keySlot('general');
 */
export function keySlot(key: string): number {
  const start = key.indexOf('{') + 1;
  const end = start === 0 ? -1 : key.indexOf('}', start);
  const hashed = end > start ? key.slice(start, end) : key;
  let remainder = 0;
  for (const byte of Buffer.from(hashed))
    remainder = ((remainder << 8) & 0xff_ff) ^ (TABLE[(remainder >> 8) ^ byte] ?? 0);
  return remainder % SLOTS;
}
