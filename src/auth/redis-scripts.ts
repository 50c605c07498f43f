/**
 * The scripts of the token cache on Redis. Numbers are doubles in Lua: a fence, in microseconds, fits (2^53), but is
 * handed over as text, since Redis cuts the fraction off numbers and Lua writes large ones with an exponent.
 */

/** What a key holds, decoded; nil where it is absent, no text, or no JSON object. */
const decoded = `
local function decoded(key)
  local value = redis.pcall('GET', key)
  if type(value) ~= 'string' then return nil end
  local ok, object = pcall(cjson.decode, value)
  if ok and type(object) == 'table' then return object end
  return nil
end
local function fence_of(object)
  local fence = object and tonumber(object.fence) or 0
  -- what a double can't hold exactly is no fence of ours
  if fence ~= fence or fence < 0 or fence > 9007199254740991 then return 0 end
  return fence
end
`;

/** Redis' time in microseconds; at most 17 digits, so exact. */
const clock = `
local function microseconds()
  local time = redis.call('TIME')
  return tonumber(time[1]) * 1000000 + tonumber(time[2])
end
local function text(number) return string.format('%.0f', number) end
`;

const lock = `
local function keep(key, owner, fence, untilTime, life)
  redis.call('SET', key, cjson.encode({ owner = owner, fence = text(fence), ['until'] = text(untilTime) }), 'PX', life)
end
local function is_held(held, owner, fence)
  return held and held.owner == owner and held.fence == fence
end
`;

/** An index is only a help: a value of another type in its place makes way. A life is prolonged, never cut. */
const index = `
local function indexed(command, key, life, ...)
  local result = redis.pcall(command, key, ...)
  if type(result) == 'table' and result.err and string.find(result.err, 'WRONGTYPE', 1, true) then
    redis.call('DEL', key)
    result = redis.call(command, key, ...)
  end
  if redis.call('PTTL', key) < life then redis.call('PEXPIRE', key, life) end
  return result
end
`;

/** KEYS lock, entry; ARGV owner, life, memory. The fence as text, or nil where somebody holds the lock. */
export const acquire = `${decoded}${clock}${lock}
local held = decoded(KEYS[1])
local now = microseconds()
local ends = held and tonumber(held['until']) or 0
-- no lock of ours lives as long as the memory: what does was put there by somebody else
if held and held.owner ~= '' and ends > now and ends < now + ARGV[3] * 1000 then return nil end
local fence = math.max(fence_of(held) + 1, fence_of(decoded(KEYS[2])) + 1, now)
local life = math.ceil(tonumber(ARGV[2]))
keep(KEYS[1], ARGV[1], fence, now + life * 1000, life + ARGV[3])
return text(fence)
`;

/** KEYS lock; ARGV owner, fence, life, memory. 1 where the lock is still the owner's. */
export const renew = `${decoded}${clock}${lock}
if not is_held(decoded(KEYS[1]), ARGV[1], ARGV[2]) then return 0 end
local life = math.ceil(tonumber(ARGV[3]))
keep(KEYS[1], ARGV[1], tonumber(ARGV[2]), microseconds() + life * 1000, life + ARGV[4])
return 1
`;

/**
 * KEYS lock; ARGV owner, fence. The fence stays: the next one must exceed it. Where Redis has no memory left to write
 * it, the lock goes as a whole: the clock in the fence keeps the order, and nobody waits for its end.
 */
export const release = `${decoded}${clock}${lock}
if not is_held(decoded(KEYS[1]), ARGV[1], ARGV[2]) then return 0 end
local life = redis.call('PTTL', KEYS[1])
local kept = pcall(keep, KEYS[1], '', tonumber(ARGV[2]), 0, math.max(life, 1))
if not kept then redis.call('DEL', KEYS[1]) end
return 1
`;

/**
 * KEYS entry, lock, expiry, subject, flow where there is one; ARGV value, fence, key, obtainedAt, expiresAt, memory,
 * newest. 0 where a later holder has come or written since.
 */
export const write = `${decoded}${clock}${index}
local fence = tonumber(ARGV[2])
if fence_of(decoded(KEYS[2])) > fence then return 0 end
if fence_of(decoded(KEYS[1])) >= fence then return 0 end
local life = math.max(tonumber(ARGV[5]) - math.floor(microseconds() / 1000), 0) + ARGV[6]
redis.call('SET', KEYS[1], ARGV[1], 'PX', life)
indexed('ZADD', KEYS[3], life, ARGV[5], ARGV[3])
indexed('ZADD', KEYS[4], life, ARGV[4], ARGV[3])
redis.call('ZREMRANGEBYRANK', KEYS[4], 0, -1 - ARGV[7])
if KEYS[5] then indexed('SADD', KEYS[5], life, ARGV[3]) end
return 1
`;

/** KEYS entry, cooldown, expiry; ARGV key, fingerprint, now, coolDownMs, force, memory. The outcome. */
export const reject = `${decoded}
local stored = decoded(KEYS[1])
if not stored then return 'gone' end
if stored.fingerprint ~= ARGV[2] then return 'newer' end
local now = tonumber(ARGV[3])
local coolDown = decoded(KEYS[2])
local cooling = coolDown and (tonumber(coolDown['until']) or 0) > now
if cooling and ARGV[5] == '0' and (tonumber(stored.obtainedAt) or 0) >= (tonumber(coolDown.from) or 0) then
  return 'cooling'
end
redis.call('DEL', KEYS[1])
redis.pcall('ZREM', KEYS[3], ARGV[1])
if not cooling then
  local untilTime = string.format('%.0f', now + ARGV[4])
  redis.call('SET', KEYS[2], cjson.encode({ from = ARGV[3], ['until'] = untilTime }), 'PX', ARGV[4] + ARGV[6])
end
return 'replaced'
`;

/** KEYS flow, expiry, then entry and lock of each key; ARGV flow, prefix of subjects, keys. */
export const dropFlow = `${decoded}
for number = 3, #ARGV do
  local at = number * 2 - 3
  local stored = decoded(KEYS[at])
  if stored and stored.flow == ARGV[1] then
    redis.call('DEL', KEYS[at])
    redis.pcall('ZREM', KEYS[2], ARGV[number])
    if type(stored.subject) == 'string' then redis.pcall('ZREM', ARGV[2] .. stored.subject, ARGV[number]) end
    local held = decoded(KEYS[at + 1])
    if held and held.owner == '' then redis.call('DEL', KEYS[at + 1]) end
  end
end
redis.call('DEL', KEYS[1])
return 1
`;

/** KEYS entry, expiry; ARGV key, now. 1 where an expired token was removed. */
export const sweep = `${decoded}
local stored = decoded(KEYS[1])
if stored and (tonumber(stored.expiresAt) or 0) > tonumber(ARGV[2]) then return 0 end
redis.pcall('ZREM', KEYS[2], ARGV[1])
return redis.call('DEL', KEYS[1])
`;
