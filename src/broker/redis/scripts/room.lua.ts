import { GATHERING_MS } from '../gathering.js';

/**
 * What every script that looks at a room begins with. ARCHITECTURE.md explains the rules under "Epochs and partings".
 *
 * A room's meta hash:
 * - `e` epoch, `o` offset of the newest message, `t` its time in milliseconds
 * - `r` the run of Redis in which the room was last used: its replication id, which a restart, a promotion and a
 *   restored backup change
 * - `c` the epochs before this one, newest first, each as `epoch:offset` with how far it reached
 * - `b`, where others before them are forgotten, the offset after which the oldest of them begins
 * - `x` those of all these epochs that began with a loss
 * - `l` epochs that somebody had seen reach further than this history, as `epoch:offset`, told already
 * - `s` how many nodes got the last message
 * - `w`, while the room gathers what nodes know: until when, and how far it reached at first; `k` what they know,
 *   `n` the nodes that have said it
 *
 * What nodes know is a text, too: for each epoch `epoch:offset`, with a `-` after it where nothing is lost with it: it
 * had no message up to there, and did not begin with a loss, whose report would be lost. With them comes `@run` with the run in which the node last heard where the room stands.
 * For a room of which it knows nothing, a node that has just come from another run says `?run` with that.
 *
 * Offsets go on through all epochs. What a position says is found by its epoch: one that is remembered shares its
 * messages with this history up to where it reached, and parts from it there. One that is not is of a history that was
 * lost, or is forgotten. Its name ends with the time at which it began, which only grows within a room: whoever stands
 * in it has not seen any epoch that began later.
 */
export const ROOM = String.raw`
local KEPT_EPOCHS = 8
local KEPT_LOST_EPOCHS = 16
-- How long a room waits for nodes that got its last message and may be gone: some find a new master a second or more
-- before others do.
local GATHERING_MS = ${GATHERING_MS}
-- How long it waits where nobody is known to have got it.
local SHORT_GATHERING_MS = 1000

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

-- The offset of an epoch in a text of positions: epoch:offset, with spaces between.
local function find(positions, epoch)
  for found, offset in string.gmatch(positions, '(%S+):(%d+)') do
    if found == epoch then return tonumber(offset) end
  end
  return nil
end

local function has(names, wanted)
  return string.find(' ' .. names .. ' ', ' ' .. wanted .. ' ', 1, true) ~= nil
end

-- The offset after which the present epoch begins, marked where it began with a loss.
local function base_of(room)
  local base = string.match(room.earlier, '^%S+:(%d+)') or room.base or '0'
  return has(room.losses, room.epoch) and base .. '!' or base
end

-- How far this history shares its messages with an epoch; nil where that is not remembered.
local function reach(room, epoch)
  if epoch == room.epoch then return room.offset end
  return find(room.earlier, epoch)
end

-- Each epoch of two texts of positions with the farthest offset that either has for it.
local function farthest(...)
  local epochs, offsets, marks = {}, {}, {}
  for _, positions in ipairs({ ... }) do
    for epoch, offset, mark in string.gmatch(positions, '(%S+):(%d+)(%-?)') do
      if not offsets[epoch] and #epochs < KEPT_LOST_EPOCHS then epochs[#epochs + 1] = epoch end
      offsets[epoch] = math.max(offsets[epoch] or 0, tonumber(offset))
      if marks[epoch] ~= '' then marks[epoch] = mark end
    end
  end
  for index, epoch in ipairs(epochs) do epochs[index] = epoch .. ':' .. text(offsets[epoch]) .. marks[epoch] end
  return table.concat(epochs, ' ')
end

-- Which of the positions that somebody has seen are lost and not told of yet, and when the newest epoch among all began.
local function untold(room, known)
  local lost, newest, oldest, told = {}, began(room.epoch), nil, nil
  for epoch, offset, mark in string.gmatch(known, '(%S+):(%d+)(%-?)') do
    -- Offsets go on through all epochs: one without messages is beyond a history that is shorter.
    local shared = mark ~= '' and room.offset or reach(room, epoch)
    if not shared or tonumber(offset) > shared then
      told = told or redis.call('HGET', room.meta, 'l') or ''
      oldest = oldest or began(string.match(room.earlier, '(%S+):%d+$') or room.epoch)
      local up_to = math.max(shared or -1, find(told, epoch) or -1)
      -- One that began before all that are remembered may be forgotten, and not lost.
      local is_remembered = up_to >= 0 or not room.base or began(epoch) > oldest
      if tonumber(offset) > up_to and is_remembered then
        lost[#lost + 1] = epoch .. ':' .. offset
      end
    end
    newest = math.max(newest, began(epoch))
  end
  return table.concat(lost, ' '), newest, told
end

-- Tells the nodes that listen where the room stands, without a message.
local function notify(room, epoch)
  redis.call('SPUBLISH', room.channel, epoch .. '\n' .. text(room.offset + 1) .. '\n0\n')
end

-- Enters an epoch where the room stands; one that begins with a loss is told to whoever comes to it from before.
local function enter(room, epoch, is_lossy)
  local epochs, base = { room.epoch .. ':' .. text(room.offset) }, nil
  for entry in string.gmatch(room.earlier, '%S+') do
    if #epochs < KEPT_EPOCHS then epochs[#epochs + 1] = entry else base = base or string.match(entry, ':(%d+)$') end
  end
  if base then
    room.base = base
    redis.call('HSET', room.meta, 'b', base)
  end
  room.epoch = epoch
  room.earlier = table.concat(epochs, ' ')
  if is_lossy then
    local losses = epoch
    for lossy in string.gmatch(room.losses, '%S+') do
      if find(room.earlier, lossy) then losses = losses .. ' ' .. lossy end
    end
    room.losses = losses
    redis.call('HSET', room.meta, 'x', losses)
  end
  redis.call('HSET', room.meta, 'e', room.epoch, 'c', room.earlier)
end

-- Goes on in a new epoch, from where the room stands.
local function go_on(room, known, fresh)
  local lost, newest, told = untold(room, known)
  enter(room, name(fresh, newest), lost ~= '')
  if lost ~= '' then redis.call('HSET', room.meta, 'l', farthest(lost, told or '')) end
  notify(room, room.epoch)
end

-- True where a node has seen messages that are not here, as far as can be told.
local function has_more(room, known)
  for epoch, offset, mark in string.gmatch(known, '(%S+):(%d+)(%-?)') do
    if tonumber(offset) > room.offset or mark == '' and epoch ~= room.epoch then return true end
  end
  return false
end

-- Waits for what nodes know before it goes on.
local function wait(room)
  local patience = (room.listeners or 0) > 0 and GATHERING_MS or SHORT_GATHERING_MS
  room.gathering = text(milliseconds() + patience) .. ' ' .. text(room.offset)
  redis.call('HSET', room.meta, 'w', room.gathering)
  notify(room, '')
end

-- True for a node that has just come from another run, and knows nothing of the room, while others may.
local function comes_from_another(known, run)
  local former = string.match(known, '%?(%S+)')
  return former and former ~= run
end

-- A room that is not there. Where it was seen in another run, it may be given back from its first message on.
local function create(room, known, fresh, run, ttl)
  local newest, lost, last = 0, {}, nil
  for epoch, offset, mark in string.gmatch(known, '(%S+):(%d+)(%-?)') do
    if mark == '' or offset ~= '0' then
      lost[#lost + 1] = epoch .. ':' .. offset
      if not last or began(epoch) > began(last) then last = epoch end
    end
    newest = math.max(newest, began(epoch))
  end
  local seen_in = string.match(known, '@(%S+)')
  local is_awaited = last and seen_in and seen_in ~= run or comes_from_another(known, run)
  room.epoch = is_awaited and last or name(fresh, newest)
  redis.call('DEL', room.stream)
  redis.call('HSET', room.meta, 'e', room.epoch, 'o', '0', 'r', run)
  expire(room.meta, ttl)
  if is_awaited then
    wait(room)
  elseif last then
    room.losses = room.epoch
    redis.call('HSET', room.meta, 'x', room.losses, 'l', table.concat(lost, ' '))
  end
end

-- Where the room stands; it is made where it does not exist, and gathers what nodes know in a new run.
local function open(meta, stream, channel, known, fresh, run, ttl)
  local found = redis.call('HMGET', meta, 'e', 'o', 'r', 'c', 't', 'x', 's', 'w', 'b')
  local room = { meta = meta, stream = stream, channel = channel, earlier = '', losses = '', offset = 0, time = 0 }
  if not found[1] then
    create(room, known, fresh, run, ttl)
    return room
  end
  room.epoch, room.offset, room.earlier = found[1], tonumber(found[2]), found[4] or ''
  room.time, room.losses, room.listeners = tonumber(found[5]) or 0, found[6] or '', tonumber(found[7])
  room.gathering, room.base = found[8], found[9]
  if found[3] == run then return room end
  redis.call('HSET', meta, 'r', run)
  redis.call('HDEL', meta, 'w', 'k', 'n')
  room.gathering = nil
  -- Nobody waits for a room without messages, unless its first ones may be known.
  if room.offset > 0 or has_more(room, known) or comes_from_another(known, run) then
    wait(room)
  else
    go_on(room, known, fresh)
  end
  return room
end

-- Goes on where all have said what they know who got the last message, or the time is over.
local function gather(room, known, fresh)
  local kept = redis.call('HMGET', room.meta, 'k', 'n')
  local said = 0
  for _ in string.gmatch(kept[2] or '', '%S+') do said = said + 1 end
  local deadline = tonumber(string.match(room.gathering, '^%d+'))
  if not (room.listeners and room.listeners > 0 and said >= room.listeners) and milliseconds() < deadline then return end
  go_on(room, farthest(known, kept[1] or ''), fresh)
  redis.call('HDEL', room.meta, 'w', 'k', 'n')
  room.gathering = nil
end

-- Takes what a node knows of a room that gathers. One that was delivered the last message that is here counts as heard.
local function hear(room, known, node)
  if known == '' then return end
  local kept = redis.call('HMGET', room.meta, 'k', 'n')
  redis.call('HSET', room.meta, 'k', farthest(known, kept[1] or ''))
  local at_first = tonumber(string.match(room.gathering, '%d+$'))
  local seen = find(known, room.epoch)
  if node and seen and seen >= at_first and not has(kept[2] or '', node) then
    redis.call('HSET', room.meta, 'n', (kept[2] and kept[2] .. ' ' or '') .. node)
  end
end

-- Goes on in another epoch where somebody has seen this history reach further, and that was not told yet: the numbers
-- of the messages that are lost must not be given to others unnoticed.
local function mend(room, known, fresh)
  if room.gathering then return end
  for epoch, offset in string.gmatch(known, '(%S+):(%d+)') do
    -- Mostly it is what is here.
    if epoch ~= room.epoch or tonumber(offset) > room.offset then
      if untold(room, known) ~= '' then go_on(room, known, fresh) end
      return
    end
  end
end
`;
