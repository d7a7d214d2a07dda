-- The way back. What reached each delivery stands in its audit trail.
DROP TABLE "zone_act_deliveries";
