-- Begins an epoch that continues no earlier one: publications were delivered to a part of the subscribers only.
-- The local variable send is the command for the channel: PUBLISH, or SPUBLISH for sharded channels.
-- ARGV: 2 retention of the topic (ms), 3 channel, 4 message for the channel.
local epoch, offset = head()
redis.call('HSET', KEYS[1], 'e', ARGV[1], 'c', ',')
redis.call('PEXPIRE', KEYS[1], ARGV[2])
redis.call(send, ARGV[3], ARGV[4])
return { ARGV[1], offset }
