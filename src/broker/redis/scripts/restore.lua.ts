import { ROOM } from './room.lua.js';

/**
 * Restores messages that a node has seen and Redis has lost, in a room that gathers what nodes know: with the same
 * offsets and ids. Messages that are there are skipped.
 *
 * KEYS
 * 1 where the epoch of rooms without a message is kept
 * 2 the room's meta hash
 * 3 its stream
 * 4 its sharded channel
 * 5… for each message what was published under its id
 *
 * ARGV
 * 1 an epoch that was never used before
 * 2 how long rooms are remembered, in milliseconds; 0 for ever
 * 3 how many messages are kept
 * 4 how long they are kept, in milliseconds
 * 5 how long ids are remembered, in milliseconds
 * 6 the node that restores them if it subscribes to the room, or else nothing
 * 7 what the node knows of the room, see `room.lua.ts`
 * 8 the epoch in which the messages begin: the current one, or, for a room without messages, its first one; followed by
 *   `!` if it began with a loss
 * 9 the epochs in which they continue, as `epoch:offset` with the offset at which each begins, followed by `!` likewise
 * 10 the offset of the first message; each further message has the next one
 * 11 `last` if the node has no more messages
 * 12… for each message its time in milliseconds and its frame
 *
 * Returns what `positions.lua.ts` returns for `enters`.
 */
export const RESTORE = String.raw`${ROOM}
local fresh, ttl, size, history_ttl, window = ARGV[1], ARGV[2], tonumber(ARGV[3]), ARGV[4], ARGV[5]
local keeps = size > 0 and history_ttl ~= '0'
local run = current_run()
local room = open(2, ARGV[7], fresh, run, ttl)

local epochs = {}
for epoch, base, mark in string.gmatch(ARGV[9], '(%S+):(%d+)(!?)') do
  epochs[#epochs + 1] = { name = epoch, base = tonumber(base), is_lossy = mark ~= '' }
end

local function enter_next()
  while epochs[1] and epochs[1].base == room.offset do
    local epoch = table.remove(epochs, 1)
    enter(room, epoch.name, epoch.is_lossy)
  end
end

local function restore(first)
  enter_next()
  for argument = 12, #ARGV, 2 do
    local index = (argument - 12) / 2
    if first + index == room.offset + 1 then
      local time, frame, id = ARGV[argument], ARGV[argument + 1], KEYS[5 + index]
      room.offset = room.offset + 1
      room.time = math.max(room.time, tonumber(time))
      if keeps then
        redis.call('XADD', room.stream, 'MAXLEN', '~', size, text(room.offset) .. '-' .. time, 'p', frame)
      end
      if id and window ~= '0' then redis.call('SET', id, room.epoch .. ' ' .. text(room.offset), 'PX', window) end
      enter_next()
    end
  end
  redis.call('HSET', room.meta, 'o', text(room.offset), 't', text(room.time))
  if keeps then redis.call('PEXPIRE', room.stream, history_ttl) end
end

-- Begins a room of which Redis has nothing in the epoch that a node knows to be its first.
local function begin(epoch, is_lossy)
  room.epoch = epoch
  room.losses = is_lossy and epoch or ''
  redis.call('HSET', room.meta, 'e', epoch, 'x', room.losses)
end

-- Returns whether the messages lead through the room's epoch, and drops the epochs before it. Only a room without
-- messages can be in a later epoch than the one in which they begin.
local function is_on_the_way(epoch)
  if epoch == room.epoch then return true end
  if room.offset > 0 then return false end
  while epochs[1] do
    if table.remove(epochs, 1).name == room.epoch then return true end
  end
  return false
end

if room.gathering then
  local first, mark = string.match(ARGV[8], '^([^!]+)(!?)$')
  local is_known = first ~= room.epoch or mark ~= ''
  if room.offset == 0 and room.earlier == '' and is_known then begin(first, mark ~= '') end
  if is_on_the_way(first) then restore(tonumber(ARGV[10])) end
  renew(room, ttl)
  if ARGV[11] ~= '' then hear(room, ARGV[7], ARGV[6] ~= '' and ARGV[6]) end
  gather(room, ARGV[7], fresh)
end
return { room.epoch, text(room.offset), legs_of(room, false), run, room.gathering and 'gathering' or '' }
`;
