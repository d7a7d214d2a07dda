-- The way back.
DROP TABLE "matching_round_counts";
