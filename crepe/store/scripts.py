"""The Lua script for what must stand or fall together and has an `if` in it."""

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
