-- ARGV: 2 and 3 position to read after, or '' for everything, 4 maximum age (ms), 5 retention of the topic (ms),
-- 6 '1' to return only the newest position.
-- Returns epoch, newest offset, whether the position is one of this sequence, the last offset of the position's epoch that
-- is a part of this sequence or -1, then offset and payload of each entry.
local epoch, offset, chain = head()
redis.call('PEXPIRE', KEYS[1], ARGV[5])
redis.call('PEXPIRE', KEYS[3], ARGV[5])
if ARGV[6] == '1' then return { epoch, offset, 1, -1 } end

local known, start = 1, '-'
if ARGV[2] ~= '' then
  local since = tonumber(ARGV[3])
  if (ARGV[2] == epoch and since <= offset) or continues(chain, ARGV[2], since) then
    start = text(since + 1) .. '-0'
  else
    known = 0
  end
end
local result = { epoch, offset, known, ARGV[2] ~= '' and fork(chain, ARGV[2]) or -1 }
local oldest = now() - tonumber(ARGV[4])
for _, entry in ipairs(redis.call('XRANGE', KEYS[2], start, '+')) do
  local fields = entry[2]
  if fields[1] == 'p' and tonumber(fields[4] or 0) >= oldest then
    result[#result + 1] = tonumber(string.match(entry[1], '^%d+'))
    result[#result + 1] = fields[2]
  end
end
return result
