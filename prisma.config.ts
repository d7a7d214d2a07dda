import { defineConfig } from 'prisma/config';

// Migrations run as the owner of the tables; the service itself logs in as a role that owns nothing.
export default defineConfig({
  schema: 'prisma/schema.prisma',
  migrations: { path: process.env.MIGRATIONS_DIR || 'prisma/migrations' },
  datasource: {
    url:
      process.env.MIGRATE_DATABASE_URL ?? process.env.DATABASE_URL ?? 'postgresql://127.0.0.1:5433/dispatch',
  },
});
