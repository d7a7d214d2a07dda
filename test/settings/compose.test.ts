/** `docker compose up` passes on every setting: one that it leaves out cannot be set there. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { parse } from 'yaml';
import { API_VARIABLES, SERVICE_VARIABLES } from '../../settings/variables';

type Compose = { services: Record<string, { environment?: Record<string, string> }> };

const text = readFileSync(join(__dirname, '../../docker-compose.yml'), 'utf8');
const compose = parse(text, { merge: true }) as Compose;

/** Fixed inside the containers, and the one that only a demo sets. */
const NOT_PASSED = ['DATABASE_URL', 'REDIS_URL', 'API_HOST', 'API_PORT', 'DEMO_SIGN_IN'];

/** Those that docker-compose.yml lacks: add a line `NAME: ${NAME:-}` there. */
function notPassed(service: string, variables: Record<string, { name: string }>): string[] {
  const environment = compose.services[service]?.environment ?? {};
  return Object.values(variables)
    .map(({ name }) => name)
    .filter((name) => !NOT_PASSED.includes(name) && !environment[name]?.startsWith(`\${${name}:-`));
}

describe('docker-compose.yml passes every setting', () => {
  it('to the worker', () => {
    expect(notPassed('worker', SERVICE_VARIABLES)).toEqual([]);
  });

  it('to the API', () => {
    expect(notPassed('api', { ...SERVICE_VARIABLES, ...API_VARIABLES })).toEqual([]);
  });
});
