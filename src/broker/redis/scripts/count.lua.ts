/**
 * Takes one more of what all nodes together have by one name, up to a limit, for each of several names.
 *
 * KEYS: for each name a hash: by node how many it has, and until when that holds: `count milliseconds`
 *
 * ARGV
 * 1 the node that asks
 * 2 how many all of them may have by one name
 * 3 how long an entry holds, in milliseconds
 * 4… for each name how many the node has, this one included
 * then the other nodes that are alive: what one of the dead had counts no more
 *
 * Returns for each name 1 where it was taken, 0 where there would be too many; nothing is changed then.
 */
export const COUNT = String.raw`
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local node, most, holds = ARGV[1], tonumber(ARGV[2]), ARGV[3]
local until_then = string.format('%.0f', now + holds)
local alive = {}
for argument = 4 + #KEYS, #ARGV do alive[ARGV[argument]] = true end

local function take(key, own)
  local total = tonumber(own)
  local entries = redis.call('HGETALL', key)
  for index = 1, #entries, 2 do
    local other = entries[index]
    local count, holds_until = string.match(entries[index + 1], '^(%d+) (%d+)$')
    if tonumber(holds_until) <= now then
      redis.call('HDEL', key, other)
    elseif alive[other] then
      total = total + tonumber(count)
    end
  end
  if total > most then return 0 end

  redis.call('HSET', key, node, own .. ' ' .. until_then)
  redis.call('PEXPIRE', key, holds)
  return 1
end

local taken = {}
for index, key in ipairs(KEYS) do taken[index] = take(key, ARGV[3 + index]) end
return taken
`;
