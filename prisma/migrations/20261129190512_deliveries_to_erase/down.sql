-- The way back.
DROP INDEX "deliveries_to_erase";
