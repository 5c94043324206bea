/**
 * Writes down how many a node has by each of several names.
 *
 * KEYS: for each name a hash: by node how many it has, and until when that holds: `count milliseconds`
 *
 * ARGV
 * 1 the node
 * 2 how long an entry holds, in milliseconds
 * 3… for each name how many the node has
 */
export const RECOUNT = String.raw`
local node, holds = ARGV[1], ARGV[2]
local time = redis.call('TIME')
local until_then = string.format('%.0f', time[1] * 1000 + math.floor(time[2] / 1000) + holds)
for index, key in ipairs(KEYS) do
  local count = ARGV[2 + index]
  if count == '0' then
    redis.call('HDEL', key, node)
  else
    redis.call('HSET', key, node, count .. ' ' .. until_then)
    redis.call('PEXPIRE', key, holds)
  end
end
`;
