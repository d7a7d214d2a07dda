DROP INDEX "one_live_offer_a_seat";
