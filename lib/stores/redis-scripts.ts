import { createHash } from 'node:crypto'

export interface RedisScript {
  readonly source: string
  readonly sha1: string
}

function script(source: string): RedisScript {
  return { source, sha1: createHash('sha1').update(source).digest('hex') }
}

/** A tombstone is the hash without its `version`. It keeps the index keys for a repeated `remove`. */
const record = `
local function write(version, sealed, expiresAt, subject, sid)
  redis.call('HSET', KEYS[1], 'version', version, 'sealed', sealed, 'expiresAt', expiresAt,
    'subject', subject, 'sid', sid)
  redis.call('PEXPIREAT', KEYS[1], expiresAt)
end`

export const create = script(`${record}
if redis.call('EXISTS', KEYS[1]) == 1 then return 0 end
write(ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5])
return 1`)

export const read = script(`
local found = redis.call('HMGET', KEYS[1], 'version', 'sealed', 'expiresAt', 'subject', 'sid')
if not found[1] then return false end
return found`)

export const replace = script(`${record}
local found = redis.call('HMGET', KEYS[1], 'version', 'subject', 'sid')
if not found[1] then return {'gone'} end
if found[1] ~= ARGV[6] then return {'conflict'} end
write(ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5])
return {'ok', found[2], found[3]}`)

export const remove = script(`
local found = redis.call('HMGET', KEYS[1], 'subject', 'sid')
local subject, sid = found[1] or '', found[2] or ''
redis.call('DEL', KEYS[1])
redis.call('HSET', KEYS[1], 'subject', subject, 'sid', sid)
redis.call('PEXPIRE', KEYS[1], ARGV[1])
return {subject, sid}`)

/** Whether a token set still belongs in an index: `live`, `removed`, or `other` (do not touch). */
export const check = script(`
local found = redis.call('HMGET', KEYS[1], 'version', ARGV[1])
if found[1] and found[2] == ARGV[2] then return 'live' end
if not found[1] and found[2] then return 'removed' end
return 'other'`)

export const claim = script(`
local owner = redis.call('GET', KEYS[1])
if owner and owner ~= ARGV[1] then return 'held' end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 'acquired'`)

export const renew = script(`
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('PEXPIRE', KEYS[1], ARGV[2])`)

export const release = script(`
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('DEL', KEYS[1])`)

const now = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)`

/** The index is a sorted set of ids by expiry; it lives as long as its longest-lived member. */
export const indexAdd = script(`${now}
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
local known = redis.call('ZSCORE', KEYS[1], ARGV[1])
if not known or tonumber(known) < tonumber(ARGV[2]) then
  redis.call('ZADD', KEYS[1], ARGV[2], ARGV[1])
end
return redis.call('PEXPIREAT', KEYS[1], redis.call('ZRANGE', KEYS[1], -1, -1, 'WITHSCORES')[2])`)

export const indexRead = script(`${now}
return redis.call('ZRANGEBYSCORE', KEYS[1], '(' .. string.format('%.0f', now), '+inf')`)

export const indexDrop = script(`
return redis.call('ZREM', KEYS[1], unpack(ARGV))`)
