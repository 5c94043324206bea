/**
 * Keeps a text until somebody collects it, or its time is over.
 *
 * KEYS: 1 what it is kept under
 *
 * ARGV: 1 the text, 2 for how long, in milliseconds
 *
 * Returns 1, or 0 where something is kept there already.
 */
export const DEPOSIT = String.raw`
return redis.call('SET', KEYS[1], ARGV[1], 'NX', 'PX', ARGV[2]) and 1 or 0
`;
