/**
 * Reads how far a user has dealt with a room's messages.
 *
 * KEYS: 1 the user's receipt in the room, `epoch offset`
 */
export const ACKNOWLEDGED = String.raw`
return redis.call('GET', KEYS[1])
`;
