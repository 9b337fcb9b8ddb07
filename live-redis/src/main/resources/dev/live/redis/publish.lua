-- The local variable send is the command for the channel: PUBLISH, or SPUBLISH for sharded channels.
-- ARGV: 2 publisher, 3 sequence of the first payload, 4 maximum entries, 5 maximum age (ms), 6 maximum bytes,
-- 7 retention of the topic (ms), 8 channel, 9 and 10 newest position that the publisher has received, 11... payloads.
-- Returns the epoch, the offset of the first payload, and an error of PUBLISH or ''.
local epoch, offset, chain, bytes, evicted = head()
local first, count = tonumber(ARGV[3]), #ARGV - 10

local last = redis.call('HGET', KEYS[3], ARGV[2])
if last then
  local sequence, stored = string.match(last, '^(%d+):(%d+)')
  if tonumber(sequence) >= first + count - 1 then
    return { epoch, tonumber(stored) - (tonumber(sequence) - first), '' }
  end
end

-- A confirmed publication is lost: readers of its epoch may have missed it, so nobody may continue from that epoch, or
-- from an earlier one by way of it.
local mark = ARGV[9] ~= '' and string.find(chain, ',' .. ARGV[9] .. '=', 1, true)
if mark and not continues(chain, ARGV[9], tonumber(ARGV[10])) then
  chain = string.sub(chain, 1, mark)
  redis.call('HSET', KEYS[1], 'c', chain)
end

local time = now()
local function append(index)
  return redis.pcall('XADD', KEYS[2], 'MAXLEN', '~', ARGV[4], text(offset + index) .. '-0',
    'p', ARGV[10 + index], 't', time, 'b', text(bytes + #ARGV[10 + index]))
end
for index = 1, count do
  local added = append(index)
  -- the stream does not belong to meta, for example because it was written by hand: start over
  if index == 1 and type(added) == 'table' and added.err
    and (string.find(added.err, 'equal or smaller', 1, true) or string.find(added.err, 'WRONGTYPE', 1, true)) then
    redis.call('DEL', KEYS[1])
    local fresh = { head() }
    epoch, offset, bytes, evicted = fresh[1], 0, 0, 0
    added = append(index)
  end
  if type(added) == 'table' and added.err then return redis.error_reply(added.err) end
  bytes = bytes + #ARGV[10 + index]
end
local newest = offset + count

-- Entries beyond the age or the bytes leave now and then: each read checks the age itself.
local age, limit = tonumber(ARGV[5]), tonumber(ARGV[6])
if newest % 64 < count or bytes - evicted > limit / 8 then
  evicted = bytes
  local done = false
  while not done do
    local entries = redis.call('XRANGE', KEYS[2], '-', '+', 'COUNT', 16)
    local keep = nil
    for _, entry in ipairs(entries) do
      local fields = entry[2]
      if (tonumber(fields[4]) or 0) < time - age or bytes - tonumber(fields[6]) + #fields[2] > limit then
        keep = tonumber(string.match(entry[1], '^%d+')) + 1
      else
        done = true
        break
      end
    end
    if keep then redis.call('XTRIM', KEYS[2], 'MINID', '=', text(keep) .. '-0') end
    if #entries == 0 then done = true end
  end
  -- fields of publishers that have ended: nobody repeats a publication for so long
  if redis.call('HLEN', KEYS[3]) > 256 then
    for _, publisher in ipairs(redis.call('HKEYS', KEYS[3])) do
      local used = string.match(redis.call('HGET', KEYS[3], publisher), ':(%d+)$')
      if tonumber(used) < time - 600000 then redis.call('HDEL', KEYS[3], publisher) end
    end
  end
end

redis.call('HSET', KEYS[1], 'o', text(newest), 'b', text(bytes), 't', text(evicted))
redis.call('HSET', KEYS[3], ARGV[2], text(first + count - 1) .. ':' .. text(newest) .. ':' .. text(time))
redis.call('PEXPIRE', KEYS[2], age + 60000)
redis.call('PEXPIRE', KEYS[1], ARGV[7])
redis.call('PEXPIRE', KEYS[3], ARGV[7])

local failure = ''
for index = 1, count do
  local sent = redis.pcall(send, ARGV[8], epoch .. ':' .. text(offset + index) .. '\n' .. ARGV[10 + index])
  if type(sent) == 'table' and sent.err then failure = sent.err end
end
return { epoch, offset + 1, failure }
