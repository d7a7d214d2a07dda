import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';

export function makeSecrets() {
  const random = () => randomBytes(32).toString('base64url');
  return { ownerPassword: random(), appPassword: random(), jwtLocalKey: random() };
}

/** Kept between starts: the data folder has the passwords, and clients may still hold tokens. */
export function keptSecrets(path) {
  if (existsSync(path)) return JSON.parse(readFileSync(path, 'utf8'));
  const secrets = makeSecrets();
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, JSON.stringify(secrets, null, 2), { mode: 0o600 });
  return secrets;
}
