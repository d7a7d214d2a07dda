import { PLACE } from './driverMapScripts';

/**
 * How far the device's clock lags behind ours, in ms; 0 for one that is right. `skew` is what was known,
 * `shift` a larger lag that is not believed yet, as `lag:since`. Late positions lag as well, so a lag that
 * falls is believed at once, and one that rises only where it stays the same. ADR 40.
 */
const CLOCK = `
local function clock(skew, shift, receivedAt, newest)
  local lag = receivedAt - newest
  if math.abs(lag) <= RIGHT_MS then return 0, '' end
  if lag <= skew + RIGHT_MS then return math.min(lag, skew), '' end
  local before, since = string.match(shift, '^(-?%d+):(%d+)$')
  if not before or math.abs(lag - tonumber(before)) > STEADY_MS then
    return skew, whole(lag) .. ':' .. whole(receivedAt)
  end
  if receivedAt - tonumber(since) < BELIEVED_MS then return skew, shift end
  return math.min(lag, tonumber(before)), ''
end`;

/**
 * Whether a position can follow another one: no driver is faster than FASTEST, and each may be vague by
 * VAGUE_METERS. Most positions are so near that no exact distance is needed.
 */
const FOLLOWS = `
local RADIANS, EARTH, METERS_PER_DEGREE = math.pi / 180, 6371008.8, 111320
local abs = math.abs
local function follows(at, lat, lng, atBefore, latBefore, lngBefore)
  local reach = 2 * VAGUE_METERS + FASTEST * (at - atBefore)
  if (abs(lat - latBefore) + abs(lng - lngBefore)) * METERS_PER_DEGREE <= reach then return true end
  local a = math.sin((lat - latBefore) * RADIANS / 2) ^ 2
    + math.cos(lat * RADIANS) * math.cos(latBefore * RADIANS) * math.sin((lng - lngBefore) * RADIANS / 2) ^ 2
  return 2 * EARTH * math.asin(math.min(1, math.sqrt(a))) <= reach
end
local function leapt(leap, at, lat, lng)
  local since, atBefore, latBefore, lngBefore = string.match(leap, '^(%d+):(%d+):([^:]+):([^:]+)$')
  if since and at >= tonumber(atBefore)
    and follows(at, lat, lng, tonumber(atBefore), tonumber(latBefore), tonumber(lngBefore)) then
    return tonumber(since)
  end
  return at
end`;

/**
 * ARGV: prefix, freshMs, maximum length of the stream, then rightMs, steadyMs, believedMs of clocks, then
 * vagueMeters, fastest metres a ms, leapBelievedMs, then for each ping: id, receivedAt, number of positions,
 * and at, lat, lng, accuracy, speed, heading of each. Returns one outcome for each ping; -1: the driver is
 * unknown and nothing was stored.
 *
 * The time of receipt is the contact. A position moves the live one where it is not older by the device's
 * corrected clock, is not vague, and can follow it. Where it cannot, the device leapt: positions that follow
 * each other for leapBelievedMs are right, and the live one was wrong.
 */
export const RECORD_FIXES = `${PLACE}
local ARGV, tonumber, call, format, POSITIONS = ARGV, tonumber, redis.call, string.format, P .. 'positions'
local freshMs = tonumber(ARGV[2])
local RIGHT_MS, STEADY_MS, BELIEVED_MS = tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6])
local VAGUE_METERS, FASTEST, LEAP_MS = tonumber(ARGV[7]), tonumber(ARGV[8]), tonumber(ARGV[9])
${CLOCK}
${FOLLOWS}
local function record(id, received, first, last)
  local h = known(id)
  if not h[1] then return -1 end
  local receivedAt = tonumber(received)
  local said = { skew = tonumber(h[9] or '0'), shift = h[10] or '', leap = h[11] or '' }
  local latest, times = tonumber(ARGV[first]), {}
  for i = first, last, 6 do
    local at = tonumber(ARGV[i])
    times[i] = at
    if at > latest then latest = at end
  end
  local skew, shift = clock(said.skew, said.shift, receivedAt, latest)
  local leap = said.leap
  local newest = tonumber(h[7] or '-inf')
  local latNow, lngNow = tonumber(h[4] or ''), tonumber(h[5] or '')
  for i = first, last, 6 do
    local at, lat, lng = times[i] + skew, tonumber(ARGV[i + 1]), tonumber(ARGV[i + 2])
    local live = at >= newest and (tonumber(ARGV[i + 3]) or 0) <= VAGUE_METERS
    if live and latNow and not follows(at, lat, lng, newest, latNow, lngNow) then
      local since = leapt(leap, at, lat, lng)
      live = at - since >= LEAP_MS
      leap = whole(since) .. ':' .. whole(at) .. ':' .. ARGV[i + 1] .. ':' .. ARGV[i + 2]
    end
    if live then
      newest, h[4], h[5], leap = at, ARGV[i + 1], ARGV[i + 2], ''
      latNow, lngNow = lat, lng
    end
    call('XADD', POSITIONS, 'MAXLEN', '~', ARGV[3], '*',
      'driver', id, 'at', format('%.0f', at), 'received', received,
      'lat', ARGV[i + 1], 'lng', ARGV[i + 2], 'accuracy', ARGV[i + 3],
      'speed', ARGV[i + 4], 'heading', ARGV[i + 5], 'live', live and '1' or '0')
  end
  if not h[6] or receivedAt > tonumber(h[6]) then h[6] = received end
  local set = { 'seen', h[6] }
  local function put(name, value) set[#set + 1] = name; set[#set + 1] = value end
  if h[4] then put('lat', h[4]); put('lng', h[5]); put('at', whole(newest)) end
  if skew ~= said.skew then put('skew', whole(skew)) end
  if shift ~= said.shift then put('shift', shift) end
  if leap ~= said.leap then put('leap', leap) end
  keep(id, unpack(set))
  return place(id, h, receivedAt, freshMs)
end
local outcomes, i = {}, 10
while i <= #ARGV do
  local next = i + 3 + 6 * tonumber(ARGV[i + 2])
  table.insert(outcomes, record(ARGV[i], ARGV[i + 1], i + 3, next - 1))
  i = next
end
return outcomes`;
