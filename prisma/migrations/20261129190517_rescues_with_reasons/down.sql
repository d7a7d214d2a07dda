-- The way back.
DROP INDEX "rescues_with_reasons";
