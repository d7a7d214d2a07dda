-- How amounts of a city are written (null: in English), and what its drivers are paid (null: the settings hold).
ALTER TABLE "cities" ADD COLUMN "locale" TEXT, ADD COLUMN "pay" JSONB;
