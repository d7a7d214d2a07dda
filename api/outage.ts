/** Codes of sockets and of PostgreSQL (class 08, 57P0x, 53300), Prisma (P1xxx, P2024, P2028) and of time-outs that say: away or overloaded, not wrong. */
const AWAY = /^(ECONN|ETIMEDOUT|EPIPE|EHOSTUNREACH|ENETUNREACH|ENOTFOUND|EAI_AGAIN|08\w{3}|57P0[1-3]|57014|53300|25P03|P1\d{3}|P2024|P2028)/;
const AWAY_WORDS = /Connection is closed|max retries per request|Command timed out|Stream isn't writeable|Connection terminated|timeout exceeded when trying to connect|DatabaseNotReachable|SocketTimeout|ConnectionClosed/i;

/** Whether an error says that something the service depends on is away: then the same request may be sent again. */
export function isOutage(error: unknown, depth = 0): boolean {
  if (!(error instanceof Error) || depth > 5) return false;
  const code = 'code' in error && typeof error.code === 'string' ? error.code : '';
  return AWAY.test(code) || AWAY_WORDS.test(error.message) || isOutage(error.cause, depth + 1) || partsOf(error).some((part) => isOutage(part, depth + 1));
}

function partsOf(error: Error): readonly unknown[] {
  return error instanceof AggregateError ? error.errors : [];
}
