import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A migration of a release: one transaction, or one statement that cannot run in a transaction. */
export type Migration = { name: string; up: string; down: string };

/** The migrations of a future release: one of each kind of additive change. */
export const NEXT_MIGRATIONS: readonly Migration[] = [
  {
    name: '20991231000001_next_release',
    up: `ALTER TABLE "deliveries" ADD COLUMN "next_note" TEXT;
ALTER TABLE "offers" ADD COLUMN "next_weight" INTEGER NOT NULL DEFAULT 0;
ALTER TABLE "drivers" ADD COLUMN "next_rank" INTEGER;
CREATE TABLE "next_things" ("id" UUID NOT NULL, "delivery_id" UUID NOT NULL,
  CONSTRAINT "next_things_pkey" PRIMARY KEY ("id"));
ALTER TABLE "next_things" ADD CONSTRAINT "next_things_delivery_id_fkey"
  FOREIGN KEY ("delivery_id") REFERENCES "deliveries"("id");
ALTER TABLE "offers" ADD CONSTRAINT "next_weight_bounds" CHECK ("next_weight" >= 0) NOT VALID;
`,
    down: `DROP TABLE "next_things";
ALTER TABLE "drivers" DROP COLUMN "next_rank";
ALTER TABLE "offers" DROP COLUMN "next_weight";
ALTER TABLE "deliveries" DROP COLUMN "next_note";
`,
  },
  {
    name: '20991231000002_next_release_check',
    up: 'ALTER TABLE "offers" VALIDATE CONSTRAINT "next_weight_bounds";\n',
    down: 'SELECT 1;\n',
  },
  {
    name: '20991231000003_next_release_index',
    up: 'CREATE INDEX CONCURRENTLY "next_notes" ON "deliveries" ("next_note");\n',
    down: 'DROP INDEX "next_notes";\n',
  },
];

/** Migrations that the code of this release does not need for the demo. The others cannot be reverted. */
const DISPENSABLE = [
  '20261122120000_outbox_order',
  '20261123160000_meeting_points',
  '20261125020000_growing_tables',
];

/** The folder of our migrations; this program runs from dist/. */
const OURS = join(__dirname, '../../../prisma/migrations');

export function dispensable(): Migration[] {
  return DISPENSABLE.map((name) => ({
    name,
    up: sqlOf(name, 'migration.sql'),
    down: sqlOf(name, 'down.sql'),
  }));
}

/** A folder with our migrations and those of the future release, for `MIGRATIONS_DIR`. */
export function makeNextMigrations(): { dir: string; remove(): void } {
  const dir = mkdtempSync(join(tmpdir(), 'driver-service-migrations-'));
  cpSync(OURS, dir, { recursive: true });
  for (const { name, up, down } of NEXT_MIGRATIONS) {
    mkdirSync(join(dir, name));
    writeFileSync(join(dir, name, 'migration.sql'), up);
    writeFileSync(join(dir, name, 'down.sql'), down);
  }
  return { dir, remove: () => rmSync(dir, { recursive: true, force: true }) };
}

function sqlOf(name: string, file: 'migration.sql' | 'down.sql'): string {
  return readFileSync(join(OURS, name, file), 'utf8');
}
