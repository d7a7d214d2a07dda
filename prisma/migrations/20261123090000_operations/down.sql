-- The way back. Assignments that were handed over count as lost: the older code knows no other word for a driver who gave the goods away.
DROP INDEX "audit_entries_chain_at_idx";
DROP INDEX "audit_entries_city_id_at_idx";
DROP TABLE "audit_checks", "zone_health", "rescues", "push_subscriptions";
ALTER TABLE "feature_settings" DROP COLUMN "plan";
DROP INDEX "escalations_state_id_idx";
DROP INDEX "escalations_city_id_id_idx";
DROP INDEX "one_open_escalation_a_delivery";
ALTER TABLE "escalations" DROP COLUMN "note", DROP COLUMN "resolution", DROP COLUMN "rose_at", DROP COLUMN "driver_id", DROP COLUMN "zone_id";
ALTER TABLE "drivers" DROP COLUMN "lapses_in_row";
UPDATE "assignments" SET "state" = 'LOST', "end_reason" = coalesce("end_reason", 'handed over') WHERE "state" = 'HANDED_OVER';
ALTER TABLE "assignments"
  DROP CONSTRAINT "assignment_state",
  ADD CONSTRAINT "assignment_state" CHECK ("state" IN ('ACTIVE','COMPLETED','LOST','CANCELLED','FAILED')),
  DROP COLUMN "progress_at", DROP COLUMN "nearest_meters", DROP COLUMN "meeting_address", DROP COLUMN "meeting_lng", DROP COLUMN "meeting_lat";
-- A search that waits for ops would wait for ever under the older code.
UPDATE "deliveries" SET "search_again_at" = now() WHERE "held_reason" IS NOT NULL AND "search_again_at" IS NULL;
ALTER TABLE "deliveries" DROP COLUMN "delayed_since", DROP COLUMN "losses", DROP COLUMN "lost_at", DROP COLUMN "held_reason", DROP COLUMN "broadcast_since", DROP COLUMN "escalated_after_ms",
  DROP COLUMN "escalated_at";
ALTER TABLE "cities" DROP COLUMN "escalation_minutes";
