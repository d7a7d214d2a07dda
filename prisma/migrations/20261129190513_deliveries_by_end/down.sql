-- The way back.
DROP INDEX "deliveries_by_end";
