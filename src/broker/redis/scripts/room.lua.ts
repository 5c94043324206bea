/**
 * What every script that looks at a room begins with.
 *
 * A room's meta hash: `e` epoch, `o` offset of the newest message, `t` its time in milliseconds, `r` the run of Redis
 * in which the room was last used, `c` the epochs that this history goes on from, newest first, as `epoch:offset`.
 *
 * A run is Redis's replication id: a restart, a promotion and a restored backup each begin a new one. The end of a
 * history may be lost with the run before it, and its numbers may then be given to other messages. So each run goes on
 * in an epoch of its own. It notes how far the epochs before it reached: a position up to there is still a place in
 * this history, one beyond is of messages that are lost.
 *
 * A whole epoch may be lost, too, when Redis ends again before what began it is on disk. So an epoch's name ends with
 * the time at which it began, which only grows within a room: one that began later than the oldest that the room
 * remembers, and is not among them, was lost; an older one was only forgotten.
 */
export const ROOM = String.raw`
local KEPT_EPOCHS = 8

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
  -- Found as it is: a pattern would be tried at every place, for longer than all else in a script takes.
  local _, last = string.find(info, 'master_replid:', 1, true)
  return string.sub(info, last + 1, last + 16)
end

local function began(epoch) return tonumber(string.match(epoch, '%.(%d+)$') or '0') end

-- The clock may have been set back, or be that of another server.
local function name(fresh, after) return fresh .. '.' .. text(math.max(milliseconds(), after + 1)) end

-- Begins a history that has nothing in common with one before it.
local function renew(meta, stream, fresh, after, run, ttl)
  local epoch = name(fresh, after)
  redis.call('DEL', stream, meta)
  redis.call('HSET', meta, 'e', epoch, 'o', '0', 'r', run)
  expire(meta, ttl)
  return { epoch = epoch, offset = 0, earlier = '', time = 0 }
end

-- Where the room stands; it is made where it does not exist, and goes on in a new epoch in a new run.
local function open(meta, stream, fresh, run, ttl)
  local found = redis.call('HMGET', meta, 'e', 'o', 'r', 'c', 't')
  if not found[1] then return renew(meta, stream, fresh, 0, run, ttl) end
  local room = { epoch = found[1], offset = tonumber(found[2]), earlier = found[4] or '', time = tonumber(found[5]) or 0 }
  if found[3] == run then return room end
  local epochs = { found[1] .. ':' .. found[2] }
  for entry in string.gmatch(room.earlier, '%S+') do
    if #epochs < KEPT_EPOCHS then epochs[#epochs + 1] = entry end
  end
  room.epoch = name(fresh, began(found[1]))
  room.earlier = table.concat(epochs, ' ')
  redis.call('HSET', meta, 'e', room.epoch, 'r', run, 'c', room.earlier)
  return room
end

-- How far this history shares its messages with an epoch; nil where it does not.
local function reach(room, epoch)
  if epoch == room.epoch then return room.offset end
  for name, offset in string.gmatch(room.earlier, '(%S+):(%d+)') do
    if name == epoch then return tonumber(offset) end
  end
  return nil
end

-- Begins anew what is cut, which shows where somebody has seen it reach further: the numbers of the messages that are
-- lost must not be given to others unnoticed. Known positions are text: epoch:offset, with spaces between.
local function mend(room, known, meta, stream, fresh, run, ttl)
  local oldest = string.match(room.earlier, '(%S+):%d+$') or room.epoch
  local cut, newest = false, began(room.epoch)
  for epoch, offset in string.gmatch(known, '(%S+):(%d+)') do
    local shared = reach(room, epoch)
    if shared then
      cut = cut or tonumber(offset) > shared
    elseif began(epoch) > began(oldest) then
      cut = true
      newest = math.max(newest, began(epoch))
    end
  end
  if cut then return renew(meta, stream, fresh, newest, run, ttl) end
  return room
end
`;
