-- The way back: the same rows, read in a longer way.
DROP INDEX "zone_health_city_id_zone_id_at_idx";
DROP INDEX "escalations_reason_id_idx";
DROP INDEX "escalations_driver_id_id_idx";
DROP INDEX "escalations_zone_id_id_idx";
DROP INDEX "drivers_in_states_of_v2";
DROP INDEX "drivers_on_duty";
