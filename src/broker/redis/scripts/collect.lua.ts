/**
 * Takes out a text that is kept; whoever asks next gets nothing.
 *
 * KEYS: 1 what it is kept under
 */
export const COLLECT = String.raw`
return redis.call('GETDEL', KEYS[1])
`;
