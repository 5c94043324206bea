import { ROOM } from './room.lua.js';

/**
 * Returns the positions of rooms. A node sends what it knows of each room: if Redis has less, it lost the end of that
 * history.
 *
 * KEYS
 * 1 where the epoch of rooms without a message is kept
 * 2… for each room its meta hash, its stream and its sharded channel
 *
 * ARGV
 * 1 an epoch that was never used before
 * 2 how long rooms are remembered, in milliseconds; 0 for ever
 * 3 `renew` to begin that time again, or else nothing
 * 4 the node that asks
 * 5… for each room what the node knows of it, see `room.lua.ts`, and `listens` if it subscribes to the room, `enters` if
 *   it has just done so
 *
 * Returns for each room its epoch, the offset of its newest message, where the epoch begins (for `enters`, where each
 * remembered epoch begins, see `legs_of`), the run of Redis, and `gathering` while the room gathers what nodes know, or
 * else nothing. It is `more` if the node has more than the room, and then restores it, see `restore.lua.ts`.
 */
export const POSITIONS = String.raw`${ROOM}
local run = current_run()
local fresh, ttl, renews, node = ARGV[1], ARGV[2], ARGV[3] ~= '', ARGV[4]
local reply = {}
for key = 2, #KEYS, 3 do
  local argument = 5 + (key - 2) / 3 * 2
  local known, listens = ARGV[argument], ARGV[argument + 1] ~= ''
  local room = open(key, known, fresh, run, ttl)
  local state = ''
  if room.gathering then
    -- A node that has more restores it first.
    state = has_more(room, known) and 'more' or 'gathering'
    if state == 'gathering' then hear(room, known, listens and node) end
    gather(room, known, fresh)
  end
  mend(room, known, fresh)
  if renews then renew(room, ttl) end
  reply[#reply + 1] = room.epoch
  reply[#reply + 1] = text(room.offset)
  reply[#reply + 1] = legs_of(room, ARGV[argument + 1] ~= 'enters')
  reply[#reply + 1] = run
  reply[#reply + 1] = room.gathering and state or ''
end
return reply
`;
