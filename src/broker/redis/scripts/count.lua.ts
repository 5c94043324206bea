/**
 * Takes one more of what all nodes together may have so many of by one name.
 *
 * KEYS: 1 a hash: by node how many it has, and until when that holds: `count milliseconds`
 *
 * ARGV
 * 1 the node that asks
 * 2 how many it has, this one included
 * 3 how many all of them may have
 * 4 how long an entry holds, in milliseconds
 * 5… the other nodes that are alive: what one of the dead had counts no more
 *
 * Returns 1 where it was taken, 0 where there would be too many; nothing is changed then.
 */
export const COUNT = String.raw`
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local alive = {}
for argument = 5, #ARGV do alive[ARGV[argument]] = true end

local total = tonumber(ARGV[2])
local entries = redis.call('HGETALL', KEYS[1])
for index = 1, #entries, 2 do
  local node = entries[index]
  local count, holds_until = string.match(entries[index + 1], '^(%d+) (%d+)$')
  if tonumber(holds_until) <= now then
    redis.call('HDEL', KEYS[1], node)
  elseif alive[node] then
    total = total + tonumber(count)
  end
end
if total > tonumber(ARGV[3]) then return 0 end

redis.call('HSET', KEYS[1], ARGV[1], ARGV[2] .. ' ' .. string.format('%.0f', now + ARGV[4]))
redis.call('PEXPIRE', KEYS[1], ARGV[4])
return 1
`;
