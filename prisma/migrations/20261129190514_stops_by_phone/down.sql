-- The way back.
DROP INDEX "stops_by_phone";
