// Progress goes to stderr, so that stdout has only the result of a command (the demo's JSON line, test
// totals).

const startedAtMs = Date.now();

/** An error that a user can fix: it has the cause and the remedy. Printed without a stack. */
export class SetupError extends Error {
  constructor(problem, remedy) {
    super(remedy ? `${problem}\n    ${remedy}` : problem);
    this.name = 'SetupError';
  }
}

export function logStep(text) {
  const elapsedSeconds = ((Date.now() - startedAtMs) / 1000).toFixed(1).padStart(6);
  process.stderr.write(`${elapsedSeconds}s  ${text}\n`);
}

export function logWarning(text) {
  process.stderr.write(`warning: ${text}\n`);
}

export function logError(error) {
  const text = error instanceof SetupError ? error.message : (error?.stack ?? String(error));
  process.stderr.write(`\nerror: ${text}\n`);
}

// The terminal may be gone (closed window, npm killed) while we still have processes to stop.
process.stdout.on('error', () => {});
process.stderr.on('error', () => {});
