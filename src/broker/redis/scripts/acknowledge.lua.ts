/**
 * Keeps how far a user has dealt with a room's messages, unless it was further in the same epoch already.
 *
 * KEYS: 1 the user's receipt in the room, `epoch offset`
 *
 * ARGV: 1 epoch, 2 offset, 3 how long it is kept, in milliseconds
 */
export const ACKNOWLEDGE = String.raw`
local kept = redis.call('GET', KEYS[1])
local value = ARGV[1] .. ' ' .. ARGV[2]
if kept then
  local epoch, offset = string.match(kept, '^(%S*) (%d+)$')
  if epoch == ARGV[1] and tonumber(offset) > tonumber(ARGV[2]) then value = kept end
end
redis.call('SET', KEYS[1], value, 'PX', ARGV[3])
`;
