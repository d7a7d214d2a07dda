// Migrations hold a lock and a lock time-out in their session. A pooler in transaction mode gives each statement
// another session: the lock would stay behind in one of them, and two processes could change the schema at once.
import { SetupError } from './log.mjs';
import { connectPostgres } from './postgres.mjs';

/** How many other connections ask for a session: more than a pooler may have idle ones to pass around. */
const TRIES = 4;

/**
 * Throws a SetupError if this connection shares sessions with others. A pooler is known by the id that it gave the
 * connection, which is not that of a server process. Then others hold what sessions there are, while it asks again.
 */
export async function requireOwnSession(url, database) {
  const own = await sessionOf(database);
  if (own === database.processID) return;
  const others = [];
  try {
    for (let tries = 0; tries < TRIES; tries++) {
      const other = await connectPostgres(url);
      others.push(other);
      await other.query('BEGIN');
      const isShared = (await sessionOf(other)) === own;
      if (isShared || (await sessionOf(database)) !== own) throw sharedSession(url);
    }
  } finally {
    await Promise.all(others.map((other) => other.end()));
  }
}

async function sessionOf(database) {
  const { rows } = await database.query('SELECT pg_backend_pid() AS id');
  return rows[0].id;
}

function sharedSession(url) {
  const { host } = new URL(url);
  return new SetupError(
    `Migrations cannot run through ${host}: it is a pooler in transaction mode, which shares sessions.`,
    'Set MIGRATE_DATABASE_URL to PostgreSQL itself, or to a pool in session mode.',
  );
}
