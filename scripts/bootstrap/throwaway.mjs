import { chmodSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A new folder that is removed when the session ends, even if the session is killed. */
export function throwawayDir(supervisor) {
  const dir = mkdtempSync(join(tmpdir(), 'driver-service-'));
  supervisor.session.addThrowawayDir(dir);
  // PostgreSQL may run as another user, who must be able to pass through.
  chmodSync(dir, 0o711);
  return dir;
}
