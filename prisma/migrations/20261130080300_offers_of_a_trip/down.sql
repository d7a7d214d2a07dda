DROP INDEX "offers_of_a_trip";
