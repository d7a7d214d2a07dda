-- "one_live_offer_a_seat" says the same of offers without a trip.
DROP INDEX "one_live_offer_a_driver";
