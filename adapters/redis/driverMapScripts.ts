/**
 * The Lua scripts of the live map; each is atomic. All keys are built from ARGV[1], the key prefix, so the
 * map needs a single Redis, not a cluster. Numbers are formatted as integers: Lua's own conversion rounds
 * long ones.
 */

/**
 * Updates a driver's membership in the sets from their hash; the only place that decides who is on the map.
 * Returns 1 for a driver who is new on `drivers:geo`. The hash expires two days after its last update, longer
 * than any setting looks back. For a driver who returns later PostgreSQL is read, as after a flush.
 */
export const PLACE = `
local P = ARGV[1]
local function whole(n) return string.format('%.0f', n) end
local KEPT_S = 172800
local FIELDS = { 'city', 'availability', 'room', 'lat', 'lng', 'seen', 'at', 'version', 'skew', 'shift', 'leap' }
local function known(id) return redis.call('HMGET', P .. 'driver:' .. id, unpack(FIELDS)) end
local function keep(id, ...)
  redis.call('HSET', P .. 'driver:' .. id, ...)
  redis.call('EXPIRE', P .. 'driver:' .. id, KEPT_S)
end
local function place(id, h, now, freshMs)
  local city, availability, room, lat, lng, seen = h[1], h[2], h[3], h[4], h[5], h[6]
  local fresh = lat and seen and now - tonumber(seen) <= freshMs
  local free = fresh and availability == 'AVAILABLE'
  local busy = fresh and availability == 'BUSY' and room == '1'
  local isNew = free and not redis.call('ZSCORE', P .. 'drivers:geo', id)
  if free then
    redis.call('GEOADD', P .. 'drivers:geo', lng, lat, id)
    redis.call('GEOADD', P .. 'drivers:geo:' .. city, lng, lat, id)
  else
    redis.call('ZREM', P .. 'drivers:geo', id)
    redis.call('ZREM', P .. 'drivers:geo:' .. city, id)
  end
  if busy then
    redis.call('GEOADD', P .. 'drivers:geo:busy:' .. city, lng, lat, id)
  else
    redis.call('ZREM', P .. 'drivers:geo:busy:' .. city, id)
  end
  if free or busy then
    redis.call('ZADD', P .. 'drivers:seen', seen, id)
  else
    redis.call('ZREM', P .. 'drivers:seen', id)
  end
  return isNew and 1 or 0
end`;

/**
 * ARGV: prefix, now, freshMs, id, city, availability, room, version, vehicle or '', then '' or lat, lng, at,
 * receivedAt of the last position. Older versions are dropped.
 */
export const SYNC = `${PLACE}
local now, freshMs, id, city = tonumber(ARGV[2]), tonumber(ARGV[3]), ARGV[4], ARGV[5]
local h = known(id)
if h[8] and tonumber(h[8]) > tonumber(ARGV[8]) then return 0 end
if h[1] and h[1] ~= city then
  redis.call('ZREM', P .. 'drivers:geo:' .. h[1], id)
  redis.call('ZREM', P .. 'drivers:geo:busy:' .. h[1], id)
end
keep(id, 'city', city, 'availability', ARGV[6], 'room', ARGV[7], 'version', ARGV[8], 'vehicle', ARGV[9])
if ARGV[10] ~= '' then
  if not h[7] or tonumber(ARGV[12]) > tonumber(h[7]) then
    keep(id, 'lat', ARGV[10], 'lng', ARGV[11], 'at', ARGV[12])
  end
  if not h[6] or tonumber(ARGV[13]) > tonumber(h[6]) then keep(id, 'seen', ARGV[13]) end
end
return place(id, known(id), now, freshMs)`;

/**
 * ARGV: prefix, now, freshMs, city, lng, lat, radiusMeters, limit, then the kinds of vehicles, none for any.
 * Looks farther and farther until the limit is reached, so that neither stale drivers nor other vehicles
 * displace those that are wanted.
 */
export const NEAR = `
local P, now, freshMs, limit = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[8])
local MOST, CHUNK = 50000, 1000
local wanted = {}
for i = 9, #ARGV do wanted[ARGV[i]] = true end
local function fits(id)
  if #ARGV < 9 then return true end
  local vehicle = redis.call('HGET', P .. 'driver:' .. id, 'vehicle')
  return not vehicle or vehicle == '' or wanted[vehicle]
end
local near, looked, count = {}, 0, limit * 2
while true do
  local around = redis.call('GEOSEARCH', P .. 'drivers:geo:' .. ARGV[4], 'FROMLONLAT', ARGV[5], ARGV[6],
    'BYRADIUS', ARGV[7], 'm', 'ASC', 'COUNT', count, 'WITHDIST', 'WITHCOORD')
  while looked < #around do
    local ids = {}
    for i = looked + 1, math.min(looked + CHUNK, #around) do ids[#ids + 1] = around[i][1] end
    local seen = redis.call('ZMSCORE', P .. 'drivers:seen', unpack(ids))
    for i, id in ipairs(ids) do
      local found = around[looked + i]
      if seen[i] and now - tonumber(seen[i]) <= freshMs and fits(id) then
        table.insert(near, { found[1], found[2], found[3][1], found[3][2], seen[i] })
        if #near == limit then return near end
      end
    end
    looked = looked + #ids
  end
  if #around < count or count >= MOST then return near end
  count = math.min(MOST, count * 8)
end`;

/** ARGV: prefix, then ids. */
export const READ_VIEWS = `
local P, views = ARGV[1], {}
for i = 2, #ARGV do
  local id = ARGV[i]
  local h = redis.call('HMGET', P .. 'driver:' .. id,
    'city', 'availability', 'room', 'version', 'lat', 'lng', 'at', 'seen', 'vehicle')
  local city = h[1] or ''
  local function on(part) return redis.call('ZSCORE', P .. 'drivers:geo' .. part, id) and '1' or '0' end
  for f = 1, 9 do h[f] = h[f] or '' end
  h[10], h[11], h[12] = on(''), on(':' .. city), on(':busy:' .. city)
  table.insert(views, h)
end
return views`;

/** ARGV: prefix, now, freshMs, limit. */
export const TAKE_SILENT_OFF = `${PLACE}
local now, freshMs = tonumber(ARGV[2]), tonumber(ARGV[3])
local silent = redis.call('ZRANGE', P .. 'drivers:seen', '-inf', '(' .. whole(now - freshMs),
  'BYSCORE', 'LIMIT', 0, ARGV[4])
for _, id in ipairs(silent) do
  if redis.call('EXISTS', P .. 'driver:' .. id) == 1 then
    place(id, known(id), now, freshMs)
  else
    redis.call('ZREM', P .. 'drivers:geo', id)
    redis.call('ZREM', P .. 'drivers:seen', id)
  end
end
return #silent`;

/**
 * ARGV: prefix, now, TTL of one report in ms. After a gap between two reports ingest counts as up from the
 * later one on.
 */
export const REPORT_INGEST_UP = `
local P = ARGV[1]
if redis.call('EXISTS', P .. 'presence:ears') == 0 then redis.call('SET', P .. 'presence:since', ARGV[2]) end
redis.call('SET', P .. 'presence:ears', '1', 'PX', ARGV[3])
return 1`;

/** ARGV: prefix. False if ingest is down. */
export const INGEST_UP_SINCE = `
if redis.call('EXISTS', ARGV[1] .. 'presence:ears') == 0 then return false end
return redis.call('GET', ARGV[1] .. 'presence:since')`;
