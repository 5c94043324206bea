import { ROOM } from './room.lua.js';

/**
 * Tells where rooms stand. A node says how far it has seen each room come: where Redis has come less far, it has lost
 * the end of that history, and the room begins a new one.
 *
 * KEYS: for each room its meta hash and its stream
 *
 * ARGV
 * 1 an epoch that was never used before
 * 2 how long a room without messages is remembered, in milliseconds; 0 for ever
 * 3 how long a room with messages is remembered; nothing to leave it as it is
 * 4… for each room how far it was seen to come, see `room.lua.ts`
 *
 * Returns for each room its epoch and the offset of its newest message.
 */
export const POSITIONS = String.raw`${ROOM}
local run = current_run()
local reply = {}
for key = 1, #KEYS, 2 do
  local meta, stream = KEYS[key], KEYS[key + 1]
  local room = open(meta, stream, ARGV[1], run, ARGV[2])
  room = mend(room, ARGV[4 + (key - 1) / 2], meta, stream, ARGV[1], run, ARGV[2])
  if ARGV[3] ~= '' then expire(meta, room.offset > 0 and ARGV[3] or ARGV[2]) end
  reply[#reply + 1] = room.epoch
  reply[#reply + 1] = text(room.offset)
end
return reply
`;
