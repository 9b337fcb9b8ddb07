-- KEYS: 1 the members of one node on one topic: their ids with their data, and "version".
-- ARGV: 1 expiry (ms), 2 '1' to remove the stored members first, 3 version that must be stored, or '' for any,
-- 4 new version, or '' while more calls follow, 5 number of leaves, then the ids that leave, then ids and data.
-- Returns whether the change was stored. A change of members that Redis has lost would look complete with its version.
if ARGV[2] == '1' then
  redis.call('DEL', KEYS[1])
elseif ARGV[3] ~= '' and redis.call('HGET', KEYS[1], 'version') ~= ARGV[3] then
  return { 0 }
end
local leaves = tonumber(ARGV[5])
if leaves > 0 then redis.call('HDEL', KEYS[1], unpack(ARGV, 6, 5 + leaves)) end
if #ARGV > 5 + leaves then redis.call('HSET', KEYS[1], unpack(ARGV, 6 + leaves)) end
if ARGV[4] ~= '' then redis.call('HSET', KEYS[1], 'version', ARGV[4]) end
redis.call('PEXPIRE', KEYS[1], ARGV[1])
return { 1 }
