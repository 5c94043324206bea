/**
 * What every script that looks at a room begins with.
 *
 * A room's meta hash: `e` epoch, `o` offset of the newest message, `t` its time in milliseconds, `r` the run of Redis
 * in which the room was last used, `c` the epochs that this history goes on from, newest first, as `epoch:offset`, `l`
 * those of lost histories, likewise, with the farthest offset that anybody had told of.
 *
 * A run is Redis's replication id: a restart, a promotion and a restored backup each begin a new one. The end of a
 * history may be lost with the run before it, and its numbers may then be given to other messages. So each run goes on
 * in an epoch of its own. It notes how far the epochs before it reached: a position up to there is still a place in
 * this history, one beyond is of messages that are lost.
 *
 * A whole epoch may be lost, too, when Redis ends again before what began it is on disk. So an epoch's name ends with
 * the time at which it began, which only grows within a room: one that began later than the oldest that the room
 * remembers, and is not among them, was lost; an older one was only forgotten.
 *
 * While sentinels or a cluster replace a master that hung, some nodes may still publish to it when others have told
 * members that its history is lost: what was accepted so late is another loss. Where a lost history turns out to have
 * reached further than was told, the room begins anew once more, and members hear of it.
 */
export const ROOM = String.raw`
local KEPT_EPOCHS = 8
local KEPT_LOST_EPOCHS = 16

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

-- The offset of an epoch in a text of them: epoch:offset, with spaces between.
local function find(positions, epoch)
  for name, offset in string.gmatch(positions, '(%S+):(%d+)') do
    if name == epoch then return tonumber(offset) end
  end
  return nil
end

-- How far this history shares its messages with an epoch; nil where it does not.
local function reach(room, epoch)
  if epoch == room.epoch then return room.offset end
  return find(room.earlier, epoch)
end

-- The epochs of such texts, each with the farthest offset that any of them has for it.
local function farthest(...)
  local epochs, offsets = {}, {}
  for _, positions in ipairs({ ... }) do
    for epoch, offset in string.gmatch(positions, '(%S+):(%d+)') do
      if not offsets[epoch] and #epochs < KEPT_LOST_EPOCHS then epochs[#epochs + 1] = epoch end
      offsets[epoch] = math.max(offsets[epoch] or 0, tonumber(offset))
    end
  end
  for index, epoch in ipairs(epochs) do epochs[index] = epoch .. ':' .. text(offsets[epoch]) end
  return table.concat(epochs, ' ')
end

-- Begins anew what is cut, which shows where somebody has seen it reach further: the numbers of the messages that are
-- lost must not be given to others unnoticed. Known positions are such a text, too.
local function mend(room, known, meta, stream, fresh, run, ttl)
  local cut, newest = false, began(room.epoch)
  local oldest, lost
  for epoch, offset in string.gmatch(known, '(%S+):(%d+)') do
    local reached = reach(room, epoch)
    if not reached then
      lost = lost or redis.call('HGET', meta, 'l') or ''
      reached = find(lost, epoch)
    end
    if reached then
      cut = cut or tonumber(offset) > reached
    else
      oldest = oldest or began(string.match(room.earlier, '(%S+):%d+$') or room.epoch)
      cut = cut or began(epoch) > oldest
    end
    newest = math.max(newest, began(epoch))
  end
  if not cut then return room end
  lost = lost or redis.call('HGET', meta, 'l') or ''
  lost = farthest(known, room.epoch .. ':' .. text(room.offset), room.earlier, lost)
  room = renew(meta, stream, fresh, newest, run, ttl)
  redis.call('HSET', meta, 'l', lost)
  return room
end
`;
