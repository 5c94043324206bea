import { GATHERING_MS } from '../gathering.js';
import { EPOCHS } from './epochs.lua.js';

/**
 * Shared beginning of all scripts that read or change a room. ARCHITECTURE.md explains the rules under "Epochs and
 * partings".
 *
 * Fields of a room's meta hash:
 * - `e` epoch, `o` offset of the newest message, `t` its time in milliseconds
 * - `r` the run of Redis in which the room was last used: its replication id, which changes with a restart, a promotion
 *   and a restored backup
 * - `c` the earlier epochs, newest first, each as `epoch:offset` with the offset of its last message
 * - `b` the offset after which the oldest of them begins, if epochs before it were forgotten
 * - `x` those of all these epochs that began with a loss
 * - `l` losses that were already announced, as `epoch:offset`
 * - `s` how many nodes received the last message
 * - `w`, while the room gathers what nodes know: the deadline, and the room's offset at first; `k` the positions that
 *   were reported, `n` the nodes that reported them
 *
 * A room to which nothing was published has no hash. All such rooms of a slot are in one epoch, which KEYS[1] of each
 * script holds together with its run, and a room keeps that epoch when its first message is published. The key expires
 * no later than a room that was published to in that epoch, so that a room which was forgotten begins with another one.
 *
 * Nodes report their knowledge as text: `epoch:offset` for each epoch. A `-` follows if nothing can be lost with the
 * epoch, because it had no message up to there and did not begin with a loss. `@run` is the run in which the node last
 * got the room's position. If the node knows nothing of the room and comes from another run, it sends `?run`.
 *
 * Offsets continue through all epochs. A remembered epoch shares its messages with this history up to where it ended.
 * An epoch that is not remembered was lost or forgotten. Its name ends with its start time, which only grows within a
 * room, so a client in it has received nothing of an epoch that began later.
 */
export const ROOM = String.raw`${EPOCHS}
local KEPT_EPOCHS = 8
local KEPT_LOST_EPOCHS = 16
-- Limit on the gathering if nodes received the last message: they may be gone, or slow to find a new master.
local GATHERING_MS = ${GATHERING_MS}
-- Limit on the gathering if no node is known to have received it.
local SHORT_GATHERING_MS = 1000
-- Anybody who may join a room names it: one without a message is remembered no longer than this.
local UNUSED_MS = 3600000

-- Renews a room's hash. One without a message and a loss has nothing that must be remembered.
local function renew(room, ttl)
  local is_unused = room.offset == 0 and room.losses == ''
  if is_unused and (ttl == '0' or tonumber(ttl) > UNUSED_MS) then ttl = text(UNUSED_MS) end
  expire(room.meta, ttl)
end

-- Returns the current epoch, or all that are remembered, as epoch:offset with the offset after which each begins. An
-- exclamation mark follows if it began with a loss. The oldest epoch comes first.
local function legs_of(room, is_current_only)
  local legs, epoch = {}, room.epoch
  local function add(base) table.insert(legs, 1, epoch .. ':' .. base .. (has(room.losses, epoch) and '!' or '')) end
  for earlier, reached in string.gmatch(room.earlier, '(%S+):(%d+)') do
    add(reached)
    if is_current_only then return legs[1] end
    epoch = earlier
  end
  add(room.base or '0')
  return table.concat(legs, ' ')
end

-- Returns the last offset that this history shares with an epoch; nil if the epoch is not remembered.
local function reach(room, epoch)
  if epoch == room.epoch then return room.offset end
  return find(room.earlier, epoch)
end

-- Merges texts of positions: each epoch with its highest offset.
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

-- Returns the reported positions that are lost and not announced, and the start time of the newest epoch.
local function untold(room, known)
  local lost, newest, oldest, told = {}, began(room.epoch), nil, nil
  for epoch, offset, mark in string.gmatch(known, '(%S+):(%d+)(%-?)') do
    -- An epoch without messages still says how many messages there were before it.
    local shared = mark ~= '' and room.offset or reach(room, epoch)
    if not shared or tonumber(offset) > shared then
      told = told or redis.call('HGET', room.meta, 'l') or ''
      oldest = oldest or began(string.match(room.earlier, '(%S+):%d+$') or room.epoch)
      local up_to = math.max(shared or -1, find(told, epoch) or -1)
      -- An epoch that began before all remembered ones may be forgotten rather than lost.
      local is_remembered = up_to >= 0 or not room.base or began(epoch) > oldest
      if tonumber(offset) > up_to and is_remembered then
        lost[#lost + 1] = epoch .. ':' .. offset
      end
    end
    newest = math.max(newest, began(epoch))
  end
  return table.concat(lost, ' '), newest, told
end

-- Sends the room's position to the nodes that subscribe, without a message.
local function notify(room, epoch)
  redis.call('SPUBLISH', room.channel, epoch .. '\n' .. text(room.offset + 1) .. '\n0\n')
end

-- Begins an epoch at the room's offset. Clients that come from an earlier epoch learn of a loss with which it began.
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

-- Continues in a new epoch.
local function go_on(room, known, fresh)
  local lost, newest, told = untold(room, known)
  enter(room, name(fresh, newest), lost ~= '')
  if lost ~= '' then redis.call('HSET', room.meta, 'l', farthest(lost, told or '')) end
  notify(room, room.epoch)
end

-- Returns whether a node has seen more than is here: messages, or an epoch that is unknown.
local function has_more(room, known)
  for epoch, offset, mark in string.gmatch(known, '(%S+):(%d+)(%-?)') do
    local shared = mark ~= '' and room.offset or reach(room, epoch)
    if not shared or tonumber(offset) > shared then return true end
  end
  return false
end

-- Begins to gather what nodes know.
local function wait(room)
  local patience = (room.listeners or 0) > 0 and GATHERING_MS or SHORT_GATHERING_MS
  room.gathering = text(milliseconds() + patience) .. ' ' .. text(room.offset)
  redis.call('HSET', room.meta, 'w', room.gathering)
  notify(room, '')
end

-- Returns whether a node comes from another run and knows nothing of the room, so that other nodes may.
local function comes_from_another(known, run)
  local former = string.match(known, '%?(%S+)')
  return former and former ~= run
end

-- Returns the epoch of rooms without a message. Epochs that a node knows of such a room began earlier.
local function unused_epoch(known, fresh, run, ttl)
  local kept, kept_run = string.match(redis.call('GET', KEYS[1]) or '', '^(%S+) (%S+)$')
  local is_latest, newest = kept_run == run, 0
  for epoch in string.gmatch(known, '(%S+):%d+') do
    newest = math.max(newest, began(epoch))
    if is_latest and epoch ~= kept and began(epoch) >= began(kept) then is_latest = false end
  end
  if is_latest then return kept end
  local epoch = name(fresh .. '.0', newest)
  redis.call('SET', KEYS[1], epoch .. ' ' .. run)
  expire(KEYS[1], ttl)
  return epoch
end

-- Stores a room that has no hash yet.
local function store(room, run, ttl)
  -- This comes first, because it fails if Redis is full. What follows a first change succeeds.
  redis.call('HSET', room.meta, 'e', room.epoch, 'o', '0', 'r', run)
  redis.call('DEL', room.stream)
  renew(room, ttl)
  room.is_unused = nil
end

-- Creates a room. If nodes saw it in another run, they may restore it from its first message. A room of which nobody
-- knows a message is stored when it gets one.
local function create(room, known, fresh, run, ttl)
  local newest, lost, last, last_offset = 0, {}, nil, nil
  for epoch, offset, mark in string.gmatch(known, '(%S+):(%d+)(%-?)') do
    if mark == '' or offset ~= '0' then
      lost[#lost + 1] = epoch .. ':' .. offset
      if not last or began(epoch) > began(last) then last, last_offset = epoch, offset end
    end
    newest = math.max(newest, began(epoch))
  end
  local seen_in = string.match(known, '@(%S+)')
  local is_awaited = last and seen_in and seen_in ~= run or comes_from_another(known, run)
  if not last and not is_awaited then
    room.is_unused = true
    room.epoch = unused_epoch(known, fresh, run, ttl)
    return
  end
  room.epoch = is_awaited and last or name(fresh, newest)
  -- With an awaited epoch, something can be lost though it has no message: it began with a loss.
  if not is_awaited or last_offset == '0' then room.losses = room.epoch end
  store(room, run, ttl)
  if room.losses ~= '' then redis.call('HSET', room.meta, 'x', room.losses) end
  if is_awaited then wait(room) else redis.call('HSET', room.meta, 'l', table.concat(lost, ' ')) end
end

-- Reads the room whose keys begin with this one. Creates it if it does not exist; in a new run, has it gather what nodes
-- know.
local function open(key, known, fresh, run, ttl)
  local meta, stream, channel = KEYS[key], KEYS[key + 1], KEYS[key + 2]
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
  -- A room without messages gathers only if a node may know its first ones.
  if room.offset > 0 or has_more(room, known) or comes_from_another(known, run) then
    wait(room)
  else
    go_on(room, known, fresh)
  end
  return room
end

-- Continues once all nodes that received the last message have reported, or at the deadline.
local function gather(room, known, fresh)
  local kept = redis.call('HMGET', room.meta, 'k', 'n')
  local said = 0
  for _ in string.gmatch(kept[2] or '', '%S+') do said = said + 1 end
  local deadline = tonumber(string.match(room.gathering, '^%d+'))
  local all_reported = room.listeners and room.listeners > 0 and said >= room.listeners
  if not all_reported and milliseconds() < deadline then return end
  go_on(room, farthest(known, kept[1] or ''), fresh)
  redis.call('HDEL', room.meta, 'w', 'k', 'n')
  room.gathering = nil
end

-- Records a node's report. The node counts as heard if it has the last message that was here at first.
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

-- Continues in a new epoch if a node has seen more than is here and that was not announced: the offsets of lost
-- messages must not be given to others under the same epoch.
local function mend(room, known, fresh)
  if room.gathering then return end
  for epoch, offset in string.gmatch(known, '(%S+):(%d+)') do
    -- Usually it is the current position.
    if epoch ~= room.epoch or tonumber(offset) > room.offset then
      if untold(room, known) ~= '' then go_on(room, known, fresh) end
      return
    end
  end
end
`;
