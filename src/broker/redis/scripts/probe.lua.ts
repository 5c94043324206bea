/**
 * Fails where Redis cannot write: out of memory, disk full, a replica. Checks what the user may do, too.
 *
 * KEYS: 1 a key of no meaning
 * ARGV: 1 a text about as long as messages are: a server near its memory limit rejects it when it rejects those
 *       2… commands with arguments, separated by blanks
 *
 * Returns the places of the commands that the user may not run, from 1. Nothing is written if there are some.
 */
export const PROBE = String.raw`
if not redis.acl_check_cmd then return redis.error_reply('ERR Redis 7 or newer is needed') end
local missing = {}
for place = 2, #ARGV do
  local words = {}
  for word in string.gmatch(ARGV[place], '%S+') do words[#words + 1] = word end
  if not redis.acl_check_cmd(unpack(words)) then missing[#missing + 1] = place - 1 end
end
if #missing == 0 then redis.call('SET', KEYS[1], '', 'PX', 60000) end
return missing
`;
