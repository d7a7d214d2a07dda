ALTER TABLE "cities" DROP COLUMN "pay", DROP COLUMN "locale";
