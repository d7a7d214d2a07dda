-- Since when so many drivers of a city have been silent at once that nobody of it is taken for lost; null: they are heard.
ALTER TABLE "cities" ADD COLUMN "silent_since" TIMESTAMPTZ(3);
