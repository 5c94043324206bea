import { ROOM } from './room.lua.js';

/**
 * Reads a page of a room's history after a position, and removes messages that are too old.
 *
 * KEYS
 * 1 where the epoch of rooms without a message is kept
 * 2 the room's meta hash
 * 3 its stream
 * 4 its sharded channel
 *
 * ARGV
 * 1 an epoch that was never used before
 * 2 how long rooms are remembered, in milliseconds; 0 for ever
 * 3 how many messages are kept
 * 4 how long they are kept, in milliseconds
 * 5 epoch of the position; nothing to read from the oldest message
 * 6 offset of the position
 * 7 limit on the messages of a page
 * 8 limit on its bytes; the first message is returned whatever its size
 * 9 what the node knows of the room, see `room.lua.ts`
 *
 * Returns the epoch, the offset of the newest message, where the epoch begins (see `legs_of`), the offset after which
 * the page begins, why messages before the page are missing (nothing if none is; `ahead` instead of `epoch` if the
 * position's epoch began later than all epochs here), then for each message its stream id and its frame. Returns
 * nothing while the room gathers what nodes know.
 */
export const HISTORY = String.raw`${ROOM}
-- Messages can be large: chunks begin small.
local CHUNK, MAX_CHUNK = 8, 128
local stream = KEYS[3]
local size, history_ttl = tonumber(ARGV[3]), tonumber(ARGV[4])
local count, max_bytes = tonumber(ARGV[7]), tonumber(ARGV[8])

local room = open(2, ARGV[9], ARGV[1], current_run(), ARGV[2])
if room.gathering then gather(room, ARGV[9], ARGV[1]) end
if room.gathering then return {} end

local function entries(offset, limit)
  if offset > room.offset then return {} end
  return redis.call('XRANGE', stream, text(offset) .. '-0', '+', 'COUNT', limit)
end

local function place(entry)
  local offset, time = string.match(entry[1], '(%d+)-(%d+)')
  return tonumber(offset), tonumber(time)
end

-- The newest message that is gone. Trimming is approximate and expiry happens here, so it may still be in the stream.
local gone = math.max(0, room.offset - size)
local expired_before = milliseconds() - history_ttl
local oldest
local stale = false
repeat
  local chunk = entries(gone + 1, stale and CHUNK or 1)
  for _, entry in ipairs(chunk) do
    local offset, time = place(entry)
    if time > expired_before then
      oldest = offset
      break
    end
    gone = offset
    stale = true
  end
until oldest or #chunk == 0
gone = oldest and oldest - 1 or room.offset
if stale then redis.call('XTRIM', stream, 'MINID', text(gone + 1) .. '-0') end

-- Returns the offset where this history parts from that of a client in an unknown epoch.
local function parting(epoch)
  local base = tonumber(room.base or '0')
  local first = room.offset
  -- From the newest epoch to the oldest: the client has received nothing of one that began later than its own.
  local entries = { room.epoch .. ':' .. text(room.offset) }
  for entry in string.gmatch(room.earlier, '%S+') do entries[#entries + 1] = entry end
  for index, entry in ipairs(entries) do
    if began(string.match(entry, '^(%S+):')) <= began(epoch) then return first end
    first = entries[index + 1] and tonumber(string.match(entries[index + 1], ':(%d+)$')) or base
  end
  return first
end

-- Returns whether an epoch after this one began with a loss; if it is unknown, whether any did.
local function is_lossy_after(epoch)
  if room.losses == '' or epoch == room.epoch then return false end
  if has(room.losses, room.epoch) then return true end
  for found in string.gmatch(room.earlier, '(%S+):%d+') do
    if found == epoch then return false end
    if has(room.losses, found) then return true end
  end
  return false
end

local from, lost = gone, ''
if ARGV[5] ~= '' then
  local epoch, after = ARGV[5], tonumber(ARGV[6])
  local shared = reach(room, epoch)
  -- Before the first message, all histories are the same.
  if not shared and after == 0 and parting(epoch) == 0 then shared = 0 end
  if not shared then
    lost = began(epoch) >= began(room.epoch) and 'ahead' or 'epoch'
    from = math.max(gone, parting(epoch))
  elseif after > shared or is_lossy_after(epoch) then
    lost = 'epoch'
    from = math.max(gone, math.min(after, shared))
  elseif after < gone then
    lost = room.offset - gone < size and 'expired' or 'trimmed'
  else
    from = after
  end
end

local reply = { room.epoch, text(room.offset), legs_of(room, true), text(from), lost }
local bytes, at, left, limit = 0, from + 1, count, CHUNK
while left > 0 do
  local chunk = entries(at, math.min(left, limit))
  for _, entry in ipairs(chunk) do
    local frame = entry[2][2]
    bytes = bytes + #frame
    if left < count and bytes > max_bytes then return reply end
    reply[#reply + 1] = entry[1]
    reply[#reply + 1] = frame
    left = left - 1
    at = at + 1
  end
  if #chunk == 0 then break end
  limit = math.min(limit * 2, MAX_CHUNK)
end
return reply
`;
