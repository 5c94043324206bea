/** Times, runs, names of epochs and texts of positions: what `room.lua.ts` is built on, without a room. */
export const EPOCHS = String.raw`
local function text(number) return string.format('%.0f', number) end

local function milliseconds()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

local function expire(key, ttl)
  if ttl ~= '0' then redis.call('PEXPIRE', key, ttl) else redis.call('PERSIST', key) end
end

local function current_run()
  local info = redis.call('INFO', 'replication')
  -- A plain search: a pattern would take longer than the rest of a script.
  local _, last = string.find(info, 'master_replid:', 1, true)
  return string.sub(info, last + 1, last + 16)
end

local function began(epoch) return tonumber(string.match(epoch, '%.(%d+)$') or '0') end

-- Names an epoch so that it begins after another one, even if the clock was set back or is another server's.
local function name(fresh, after) return fresh .. '.' .. text(math.max(milliseconds(), after + 1)) end

-- Returns the offset of an epoch in a text of positions.
local function find(positions, epoch)
  for found, offset in string.gmatch(positions, '(%S+):(%d+)') do
    if found == epoch then return tonumber(offset) end
  end
  return nil
end

local function has(names, wanted)
  return string.find(' ' .. names .. ' ', ' ' .. wanted .. ' ', 1, true) ~= nil
end
`;
