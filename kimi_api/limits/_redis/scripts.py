"""What `RedisStore` has the Redis server do: Lua scripts over the counts of one account.

KEYS: running (ticket -> until when it counts), minute ("ticket:tokens" -> when it began), totals (a hash), queue
(ticket -> its number), seen (waiting ticket -> when it last asked), wanted (waiting ticket -> its tokens). ARGV: the
time ("": the server's), the ticket, how many seconds unused keys are kept, the channel that tells waiting tickets of
their turn, then the script's own.
"""

_COMMON = """
local running, minute, totals, queue, seen, wanted = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6]
local now = tonumber(ARGV[1])
if not now then
  local time = redis.call('TIME')
  now = tonumber(time[1]) + tonumber(time[2]) / 1000000
end
local ticket = ARGV[2]

-- A clock that is set back stands still instead: all times move back with it, or they would count for an hour more.
local jump = now - tonumber(redis.call('HGET', totals, 'now') or now)
if jump < 0 then
  for _, key in ipairs({running, minute, seen}) do
    local entries = redis.call('ZRANGE', key, 0, -1, 'WITHSCORES')
    for at = 1, #entries, 2 do redis.call('ZADD', key, entries[at + 1] + jump, entries[at]) end
  end
  local pause = redis.call('HGET', totals, 'pause')
  if pause then redis.call('HSET', totals, 'pause', string.format('%.6f', pause + jump)) end
end
redis.call('HSET', totals, 'now', string.format('%.6f', now))
redis.call('ZREMRANGEBYSCORE', running, '-inf', now)

local function keep_keys()
  for _, key in ipairs(KEYS) do redis.call('EXPIRE', key, ARGV[3]) end
end
local function wake_next()  -- as many as there are free permits, so that they need not wait for each other's turn
  local concurrency = tonumber(redis.call('HGET', totals, 'concurrency') or 0)
  local free = math.min(concurrency - redis.call('ZCARD', running), 8)
  local tickets = redis.call('ZRANGE', queue, 0, math.max(free, 1) - 1)
  if #tickets > 0 then redis.call('PUBLISH', ARGV[4], table.concat(tickets, ' ')) end
end
local function leave_queue(ticket)
  redis.call('ZREM', queue, ticket)
  redis.call('ZREM', seen, ticket)
  redis.call('HDEL', wanted, ticket)
end
"""

# One script, so that no other process comes between looking and counting. Seconds are returned as text: Redis cuts
# Lua's numbers down to whole ones. A ticket that already runs is not counted again: the first answer may have been lost
# on its way here. Requests that count no tokens (no tpm, no tpd) subtract nothing: HINCRBY refuses Lua's "-0" with
# "value is not an integer or out of range".
TAKE = (
    _COMMON
    + """
local tokens, window, lease, patience = tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7]), tonumber(ARGV[8])
local concurrency, rpm, tpm, tpd = tonumber(ARGV[9]), tonumber(ARGV[10]), tonumber(ARGV[11]), tonumber(ARGV[12])

if redis.call('ZSCORE', running, ticket) then return {'', '0', 0} end
for _, gone in ipairs(redis.call('ZRANGEBYSCORE', seen, '-inf', now - patience)) do
  leave_queue(gone)
end
if not redis.call('ZSCORE', queue, ticket) then
  redis.call('ZADD', queue, redis.call('HINCRBY', totals, 'sequence', 1), ticket)
end
redis.call('ZADD', seen, now, ticket)
redis.call('HSET', wanted, ticket, tokens)
if concurrency then redis.call('HSET', totals, 'concurrency', concurrency) end
keep_keys()

for _, entry in ipairs(redis.call('ZRANGEBYSCORE', minute, '-inf', now - window)) do
  local used = tonumber(string.match(entry, ':(%d+)$'))
  if used > 0 then redis.call('HINCRBY', totals, 'spent', -used) end
end
redis.call('ZREMRANGEBYSCORE', minute, '-inf', now - window)
local today = math.floor(now / 86400)
local day = tonumber(redis.call('HGET', totals, 'day') or today)
if today > day then redis.call('HSET', totals, 'day_tokens', 0) end
redis.call('HSET', totals, 'day', today)
local spent = tonumber(redis.call('HGET', totals, 'spent') or 0)
local day_tokens = tonumber(redis.call('HGET', totals, 'day_tokens') or 0)

local place = redis.call('ZRANK', queue, ticket)
if place > 0 then  -- nobody is overtaken: those before it must fit as well
  local before = tokens
  for _, other in ipairs(redis.call('ZRANGE', queue, 0, place - 1)) do
    before = before + tonumber(redis.call('HGET', wanted, other) or 0)
  end
  if concurrency and redis.call('ZCARD', running) + place >= concurrency
    or rpm and redis.call('ZCARD', minute) + place >= rpm
    or tpm and spent + before > tpm
    or tpd and day_tokens + before > tpd
  then
    return {'turn', '1', redis.call('ZCARD', queue)}
  end
end
if tpd and day_tokens + tokens > tpd then
  return {'tpd', tostring(86400 - now % 86400), day_tokens}
end
local limit, seconds, used = nil, -1, 0
local function wait(name, until_, count)
  if until_ - now > seconds then limit, seconds, used = name, until_ - now, count end
end
local pause = tonumber(redis.call('HGET', totals, 'pause') or 0)
if pause > now then wait('pause', pause, 0) end
local answers = redis.call('ZCARD', running)
if concurrency and answers >= concurrency then
  wait('concurrency', tonumber(redis.call('ZRANGE', running, 0, 0, 'WITHSCORES')[2]), answers)
end
local requests = redis.call('ZCARD', minute)
if rpm and requests >= rpm then
  local place = requests - rpm
  wait('rpm', tonumber(redis.call('ZRANGE', minute, place, place, 'WITHSCORES')[2]) + window, requests)
end
if tpm and spent + tokens > tpm then
  local left = spent
  local entries = redis.call('ZRANGE', minute, 0, -1, 'WITHSCORES')
  for at = 1, #entries, 2 do
    left = left - tonumber(string.match(entries[at], ':(%d+)$'))
    if left + tokens <= tpm then
      wait('tpm', tonumber(entries[at + 1]) + window, spent)
      break
    end
  end
end
if limit then return {limit, tostring(seconds), used} end

redis.call('ZADD', running, now + lease, ticket)
redis.call('ZADD', minute, now, ticket .. ':' .. tokens)
redis.call('HINCRBY', totals, 'spent', tokens)
redis.call('HINCRBY', totals, 'day_tokens', tokens)
leave_queue(ticket)
keep_keys()
wake_next()
return {'', '0', 0}
"""
)

KEEP = (
    _COMMON
    + """
keep_keys()
local seconds = tonumber(ARGV[5])
if seconds > 0 then
  return redis.call('ZADD', running, 'XX', now + seconds, ticket)
end
redis.call('ZREM', running, ticket)
wake_next()
"""
)

WITHDRAW = (
    _COMMON
    + """
keep_keys()
leave_queue(ticket)
wake_next()
"""
)

PAUSE = (
    _COMMON
    + """
keep_keys()
local until_ = now + tonumber(ARGV[5])
if until_ > tonumber(redis.call('HGET', totals, 'pause') or 0) then
  redis.call('HSET', totals, 'pause', string.format('%.6f', until_))
end
"""
)
