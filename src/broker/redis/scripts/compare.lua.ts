import { ROOM } from './room.lua.js';

/**
 * Compares what a node knows of rooms with Redis: cheaply, because nearly all are equal. Nothing is reported, and no
 * room is created or continues.
 *
 * KEYS
 * 1 where the epoch of rooms without a message is kept
 * 2… for each room its meta hash; first those in which the node knows of nothing that can be lost
 *
 * ARGV
 * 1 an epoch that was never used before
 * 2 how long rooms are remembered, in milliseconds; 0 for ever
 * 3 `renew` to begin that time again, or else nothing
 * 4 in how many rooms the node knows of nothing
 * 5… for each of the others the node's last position, see `room.lua.ts`
 *
 * Returns the run of Redis, the epoch of rooms without a message, and the indexes of the rooms that differ, from 0.
 */
export const COMPARE = String.raw`${ROOM}
local ttl, renews, unused = ARGV[2], ARGV[3] ~= '', tonumber(ARGV[4])
local run = current_run()
local reply = { run, unused_epoch('', ARGV[1], run, ttl) }

local function exist(first, last) return redis.call('EXISTS', unpack(KEYS, first, last)) > 0 end

-- Such a room differs if it has a hash. Whatever epoch the node knows is the room's until then.
if unused > 0 and exist(2, unused + 1) then
  for key = 2, unused + 1 do
    if exist(key, key) then reply[#reply + 1] = key - 2 end
  end
end

for key = unused + 2, #KEYS do
  local known = ARGV[key - unused + 3]
  local epoch, offset, found_run, gathering = unpack(redis.call('HMGET', KEYS[key], 'e', 'o', 'r', 'w'))
  local place = epoch and epoch .. ':' .. offset
  if place and (known == place or known == place .. '-') and found_run == run and not gathering then
    if renews then expire(KEYS[key], ttl) end
  else
    reply[#reply + 1] = key - 2
  end
end
return reply
`;
