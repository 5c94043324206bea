/**
 * Fails where Redis cannot write: out of memory, disk full, a replica.
 *
 * KEYS: 1 a key of no meaning
 */
export const PROBE = String.raw`
redis.call('SET', KEYS[1], '', 'PX', 60000)
`;
