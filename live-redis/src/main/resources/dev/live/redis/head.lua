-- KEYS of every script: 1 meta, 2 stream, 3 publishers; ARGV[1] is the epoch to use if a new one begins.
-- meta: e epoch, o newest offset, r master_replid, c chain of continued epochs, b payload bytes ever stored, t b at the
-- last eviction. Chain ",e2=40,e1=12,": the offsets up to 40 of e2 and up to 12 of e1 are the same in the current epoch.

-- Returns epoch, newest offset, chain, bytes, evicted bytes. A changed master_replid means that the data may be that of
-- another moment, after a restart or a failover: what was published since is lost, so a new epoch continues the old one.
local function head()
  local replid = string.match(redis.call('INFO', 'replication'), 'master_replid:(%x+)')
  local m = redis.call('HMGET', KEYS[1], 'e', 'o', 'r', 'c', 'b', 't')
  if not m[1] then
    -- HSET first: Redis checks maxmemory only before the first write of a script, and this one must change nothing then
    redis.call('HSET', KEYS[1], 'e', ARGV[1], 'o', 0, 'r', replid, 'c', ',', 'b', 0, 't', 0)
    redis.call('DEL', KEYS[2], KEYS[3])
    return ARGV[1], 0, ',', 0, 0
  end
  local chain = m[4]
  if m[3] ~= replid then
    chain = string.match(string.sub(',' .. m[1] .. '=' .. m[2] .. chain, 1, 400), '^(.*,)')
    m[1] = ARGV[1]
    redis.call('HSET', KEYS[1], 'e', m[1], 'r', replid, 'c', chain)
  end
  return m[1], tonumber(m[2]), chain, tonumber(m[5]), tonumber(m[6])
end

local function now()
  local time = redis.call('TIME')
  return tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
end

local function text(number)
  return string.format('%.0f', number)
end

-- Up to which offset the current epoch contains the publications of an earlier one; nil if it does not continue it.
local function fork(chain, epoch)
  local _, last = string.find(chain, ',' .. epoch .. '=', 1, true)
  return last and tonumber(string.match(chain, '^%d+', last + 1))
end

-- Whether a reader at (epoch, offset) has seen what the current epoch contains up to that offset.
local function continues(chain, epoch, offset)
  local last = fork(chain, epoch)
  return last ~= nil and offset <= last
end
