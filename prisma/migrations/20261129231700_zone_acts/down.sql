-- The way back. No order is refused any more; what ops did stands in the audit trail.
DROP TABLE "zone_acts";
