"""The Lua scripts: what must stand or fall together is one script."""

DECLARE = """
-- KEYS: stream, info, readers.  ARGV: session, writer, is_fresh, then field, value, ... of info
local session = redis.call('HGET', KEYS[2], 'session')
if ARGV[3] == '1' or session ~= ARGV[1] then
  redis.call('UNLINK', KEYS[1], KEYS[3])
end
redis.call('DEL', KEYS[2])
redis.call('HSET', KEYS[2], 'session', ARGV[1], 'writer', ARGV[2], unpack(ARGV, 4))
return redis.status_reply('OK')
"""
"""Take a stream over for a writer; what belongs to another session goes."""

APPEND = """
-- KEYS: stream, info, stream, info, ...
-- ARGV: writer, session, then for each stream: oldest ID to keep, ID, n, n words of fields
local at = 3
for i = 1, #KEYS, 2 do
  local claim = redis.call('HMGET', KEYS[i + 1], 'writer', 'session')
  if claim[1] ~= ARGV[1] or claim[2] ~= ARGV[2] then
    return redis.error_reply('REPLACED ' .. KEYS[i] .. ' ' .. (claim[1] or 'nobody'))
  end
end
for i = 1, #KEYS, 2 do
  local n = tonumber(ARGV[at + 2])
  local reply = redis.pcall('XADD', KEYS[i], 'MINID', '~', ARGV[at], ARGV[at + 1],
                            unpack(ARGV, at + 3, at + 2 + n))
  if type(reply) == 'table' and reply.err then
    if not string.find(reply.err, 'equal or smaller') then
      return redis.error_reply(reply.err)
    end
    local there = redis.call('XRANGE', KEYS[i], ARGV[at + 1], ARGV[at + 1])
    local is_same = false
    if there[1] then
      for f = 1, #there[1][2], 2 do
        is_same = is_same or (there[1][2][f] == 'writer' and there[1][2][f + 1] == ARGV[1])
      end
    end
    if not is_same then
      return redis.error_reply('ORDER ' .. KEYS[i] .. ' ' .. ARGV[at + 1])
    end
  end
  at = at + 3 + n
end
return redis.status_reply('OK')
"""
"""Append to each stream if the writer still holds all of them; what already stands is skipped."""
