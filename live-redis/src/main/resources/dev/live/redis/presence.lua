-- KEYS: 1 the members of one node on one topic: their ids with their data, and "version".
-- ARGV: 1 expiry (ms), 2 '1' to remove the stored members first, 3 version, or '' while more calls follow,
-- 4 number of leaves, then the ids that leave, then ids and data of members.
if ARGV[2] == '1' then redis.call('DEL', KEYS[1]) end
local leaves = tonumber(ARGV[4])
if leaves > 0 then redis.call('HDEL', KEYS[1], unpack(ARGV, 5, 4 + leaves)) end
if #ARGV > 4 + leaves then redis.call('HSET', KEYS[1], unpack(ARGV, 5 + leaves)) end
if ARGV[3] ~= '' then redis.call('HSET', KEYS[1], 'version', ARGV[3]) end
redis.call('PEXPIRE', KEYS[1], ARGV[1])
return {}
