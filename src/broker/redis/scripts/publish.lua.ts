import { ROOM } from './room.lua.js';

/**
 * Publishes a run of messages to one room: numbers and stores them, remembers their ids, and delivers all of them to
 * the nodes that subscribe, or none.
 *
 * KEYS
 * 1 where the epoch of rooms without a message is kept
 * 2 the room's meta hash
 * 3 its stream: ids are `offset-milliseconds`, field `p` a frame
 * 4 its sharded channel
 * 5… for each message with flag `i`, in order: what was published under its id
 *
 * ARGV
 * 1 an epoch that was never used before
 * 2 how long the room is remembered, in milliseconds; 0 for ever
 * 3 how many messages are kept
 * 4 how long they are kept, in milliseconds
 * 5 how long ids are remembered, in milliseconds
 * 6 what the node knows of the room, see `room.lua.ts`
 * 7… for each message its flags (`i` has an id, `v` volatile) and its frame
 *
 * Returns where the epoch begins (see `legs_of`), then for each message its offset, nothing if it is volatile, or `=` and
 * what was returned for the first message with its id: `epoch offset`, nothing if that was volatile. Returns nothing
 * while the room gathers what nodes know; no message was accepted then.
 *
 * The channel comes last: if Redis cannot write (disk full, out of memory, a replica), the script has failed before,
 * while publishing to the channel would succeed.
 */
export const PUBLISH = String.raw`${ROOM}
local meta, stream, channel = KEYS[2], KEYS[3], KEYS[4]
local ttl, size, history_ttl, window = ARGV[2], tonumber(ARGV[3]), ARGV[4], ARGV[5]
local keeps = size > 0 and history_ttl ~= '0'

local run = current_run()
local room = open(2, ARGV[6], ARGV[1], run, ttl)
if room.gathering then gather(room, ARGV[6], ARGV[1]) end
if room.gathering then return {} end
mend(room, ARGV[6], ARGV[1])
-- A clock that was set back must not bring the history out of order.
local now = math.max(milliseconds(), room.time)
local head = room.offset
local results, frames, next_id = { legs_of(room, true) }, {}, 5

for argument = 7, #ARGV, 2 do
  local flags, frame = ARGV[argument], ARGV[argument + 1]
  local id
  if string.find(flags, 'i', 1, true) then
    id = KEYS[next_id]
    next_id = next_id + 1
  end
  local earlier = id and redis.call('GET', id)
  if earlier then
    results[#results + 1] = '=' .. earlier
  else
    local offset = ''
    if not string.find(flags, 'v', 1, true) then
      if room.is_unused then store(room, run, ttl) end
      head = head + 1
      offset = text(head)
      if keeps then redis.call('XADD', stream, 'MAXLEN', '~', size, offset .. '-' .. text(now), 'p', frame) end
    end
    if id then redis.call('SET', id, offset == '' and '' or room.epoch .. ' ' .. offset, 'PX', window) end
    results[#results + 1] = offset
    frames[#frames + 1] = frame
  end
end

if head > room.offset then
  redis.call('HSET', meta, 'o', text(head), 't', text(now))
  if keeps then redis.call('PEXPIRE', stream, history_ttl) end
end
if #frames > 0 then
  expire(meta, ttl)
  local start = room.epoch .. '\n' .. text(room.offset + 1) .. '\n' .. text(now) .. '\n'
  local listeners = redis.call('SPUBLISH', channel, start .. table.concat(frames))
  if listeners ~= room.listeners and head > 0 then redis.call('HSET', meta, 's', listeners) end
end
return results
`;
