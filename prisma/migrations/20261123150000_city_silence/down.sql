-- The way back. A silence that goes on is told of once more by the next version.
ALTER TABLE "cities" DROP COLUMN "silent_since";
