import { chmodSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A new folder that goes when the session ends, however that ends. */
export function throwawayDir(supervisor) {
  const dir = mkdtempSync(join(tmpdir(), 'driver-service-'));
  supervisor.session.addThrowawayDir(dir);
  // PostgreSQL's user, when that is not ours, has to pass through.
  chmodSync(dir, 0o711);
  return dir;
}
