-- What grows with the work is found by an index, however much of it there is (`npm run bench:plans` shows the plans).

-- The sweeps of every 15 s page through who is on duty or has work, and through who rests: not through everybody who was ever registered. No column that an offer writes is
-- in these, so that making one still updates its driver in place.
CREATE INDEX IF NOT EXISTS "drivers_on_duty" ON "drivers" ("id") WHERE "availability" IN ('AVAILABLE', 'BUSY') OR "active_assignments" > 0;
CREATE INDEX IF NOT EXISTS "drivers_in_states_of_v2" ON "drivers" ("id") WHERE "availability" IN ('ON_BREAK', 'PAUSED', 'SHIFT_ENDED') OR "pending" ->> 'kind' <> 'OFFLINE';

-- Cases that are over, by what they can be asked for.
CREATE INDEX IF NOT EXISTS "escalations_zone_id_id_idx" ON "escalations" ("zone_id", "id" DESC);
CREATE INDEX IF NOT EXISTS "escalations_driver_id_id_idx" ON "escalations" ("driver_id", "id" DESC);
CREATE INDEX IF NOT EXISTS "escalations_reason_id_idx" ON "escalations" ("reason", "id" DESC);

-- How one zone fared, among a week of minutes of all zones of its city.
CREATE INDEX IF NOT EXISTS "zone_health_city_id_zone_id_at_idx" ON "zone_health" ("city_id", "zone_id", "at" DESC);
