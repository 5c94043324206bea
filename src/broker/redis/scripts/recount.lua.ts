/**
 * Writes down how many a node has by one name.
 *
 * KEYS: 1 a hash: by node how many it has, and until when that holds: `count milliseconds`
 *
 * ARGV: 1 the node, 2 how many it has, 3 how long that holds, in milliseconds
 */
export const RECOUNT = String.raw`
if ARGV[2] == '0' then
  redis.call('HDEL', KEYS[1], ARGV[1])
else
  local time = redis.call('TIME')
  local now = time[1] * 1000 + math.floor(time[2] / 1000)
  redis.call('HSET', KEYS[1], ARGV[1], ARGV[2] .. ' ' .. string.format('%.0f', now + ARGV[3]))
  redis.call('PEXPIRE', KEYS[1], ARGV[3])
end
`;
