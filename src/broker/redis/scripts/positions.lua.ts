import { ROOM } from './room.lua.js';

/**
 * Tells where rooms stand. A node says how far it has seen each room come: where Redis has come less far, it has lost
 * the end of that history.
 *
 * KEYS: for each room its meta hash, its stream and its sharded channel
 *
 * ARGV
 * 1 an epoch that was never used before
 * 2 how long a room without messages is remembered, in milliseconds; 0 for ever
 * 3 how long a room with messages is remembered; nothing to leave it as it is
 * 4 the node that asks
 * 5… for each room what was seen of it, see `room.lua.ts`, and `listens` where its
 *   messages are delivered to the node
 *
 * Returns for each room its epoch, the offset of its newest message, the offset after which the epoch begins
 * (with a `!` where it began with a loss), the run of Redis, and `gathering` while it waits for what nodes know, or else nothing. A node that has seen more then gives it back, see `restore.lua.ts`.
 */
export const POSITIONS = String.raw`${ROOM}
local run = current_run()
local fresh, ttl, renewed_ttl, node = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local reply = {}
for key = 1, #KEYS, 3 do
  local argument = 5 + (key - 1) / 3 * 2
  local known, listens = ARGV[argument], ARGV[argument + 1] ~= ''
  local room = open(KEYS[key], KEYS[key + 1], KEYS[key + 2], known, fresh, run, ttl)
  if room.gathering then
    -- Who has seen more has something to give back first.
    if not has_more(room, known) then hear(room, known, listens and node) end
    gather(room, known, fresh)
  end
  mend(room, known, fresh)
  if renewed_ttl ~= '' then expire(room.meta, room.offset > 0 and renewed_ttl or ttl) end
  reply[#reply + 1] = room.epoch
  reply[#reply + 1] = text(room.offset)
  reply[#reply + 1] = base_of(room)
  reply[#reply + 1] = run
  reply[#reply + 1] = room.gathering and 'gathering' or ''
end
return reply
`;
