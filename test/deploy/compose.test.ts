import { describe, expect, it } from '@jest/globals';
import { parse } from 'yaml';
import { readApiSettings, readSettings } from '../../settings';
import { readTemporalSettings } from '../../settings/temporal';
import { API_VARIABLES, SERVICE_VARIABLES } from '../../settings/variables';
import { readDockerfile } from './dockerfile';
import { isInProject, readProjectFile } from './projectFiles';

type Service = {
  image?: string;
  build?: { context: string; dockerfile: string; target?: string };
  environment?: Record<string, string>;
  ports?: string[];
  volumes?: string[];
  depends_on?: Record<string, { condition: string }>;
};
type Compose = { services: Record<string, Service>; volumes: Record<string, null> };

const LOCAL_KEY = 'a-key-of-at-least-thirty-two-bytes';
const TEMPORALS_OWN = /^TEMPORAL_(ADDRESS|NAMESPACE)$/;

const compose = parse(readProjectFile('docker-compose.yml'), { merge: true }) as Compose;
const services = Object.entries(compose.services);
const knownVariables = new Set(
  Object.values({ ...SERVICE_VARIABLES, ...API_VARIABLES }).map(({ name }) => name),
);

describe.each(services)(
  'service %s',
  (_name, { image, build, environment = {}, ports = [], volumes = [], depends_on: needed = {} }) => {
    it('comes from a pinned image or from a Dockerfile and a target that exist', () => {
      if (image) return expect(image).toMatch(/:\d/);
      expect(isInProject(build?.dockerfile ?? 'none')).toBe(true);
      const targets = readDockerfile(build?.dockerfile ?? '').map(({ name }) => name);
      expect(targets).toContain(build?.target);
    });

    it('depends only on existing services', () => {
      expect(Object.keys(needed).filter((other) => !(other in compose.services))).toEqual([]);
    });

    it('mounts files of the project, or declared volumes', () => {
      const sources = volumes.map((volume) => volume.split(':')[0] ?? '');
      expect(
        sources.filter((source) =>
          source.startsWith('.') ? !isInProject(source) : !(source in compose.volumes),
        ),
      ).toEqual([]);
    });

    it('is published on the loopback interface only', () => {
      expect(ports.filter((port) => !port.startsWith('127.0.0.1:'))).toEqual([]);
    });

    it('sets only variables that our processes know', () => {
      if (image || build?.target) return;
      const unknown = Object.keys(environment).filter(
        (name) => !knownVariables.has(name) && !TEMPORALS_OWN.test(name),
      );
      expect(unknown).toEqual([]);
    });
  },
);

describe('the environment, with its defaults', () => {
  it('suffices for a worker', () => {
    expect(() => readSettings(environmentOf('worker'))).not.toThrow();
  });

  it('suffices for the API once a key is set', () => {
    expect(() => readApiSettings(environmentOf('api', { JWT_LOCAL_KEY: LOCAL_KEY }))).not.toThrow();
  });

  it('is a production that names each risk of a laptop', () => {
    const environment = environmentOf('worker');
    expect(readTemporalSettings(environment).namespace).toBe('default');
    const strict = { ...environment, ALLOW_IN_PRODUCTION: '' };
    expect(() => readSettings(strict)).toThrow(/plain-postgres[^]*plain-redis[^]*default-password/);
    expect(() => readTemporalSettings(strict)).toThrow('plain-temporal');
  });

  it('does not offer demo sign-in', () => {
    const files = ['docker-compose.yml', 'ops/docker/api.Dockerfile'];
    expect(files.filter((file) => readProjectFile(file).includes('DEMO_SIGN_IN'))).toEqual([]);
    expect(readApiSettings(environmentOf('api', { JWT_LOCAL_KEY: LOCAL_KEY })).demoSignIn).toBe(false);
  });

  it('does not suffice for the API without a key', () => {
    expect(() => readApiSettings(environmentOf('api'))).toThrow(/JWT_LOCAL_KEY/);
  });
});

/** With what the image sets itself. */
function environmentOf(service: string, given: Record<string, string> = {}): Record<string, string> {
  const { environment = {}, build } = compose.services[service] ?? {};
  const [, NODE_ENV = ''] = /NODE_ENV=(\w+)/.exec(readProjectFile(build?.dockerfile ?? '')) ?? [];
  const set = Object.entries(environment).map(([name, value]) => [name, interpolate(value, given)]);
  return { NODE_ENV, ...(Object.fromEntries(set) as Record<string, string>) };
}

/** Compose's `${NAME:-default}`. */
function interpolate(text: string, given: Record<string, string>): string {
  return text.replaceAll(
    /\$\{(\w+):-([^}]*)\}/g,
    (_whole, name: string, otherwise: string) => given[name] ?? otherwise,
  );
}

describe('the Temporal UI', () => {
  it('writes nothing: acts go through the API', () => {
    expect(compose.services['temporal-ui']?.environment).toMatchObject({
      TEMPORAL_DISABLE_WRITE_ACTIONS: 'true',
      TEMPORAL_CODEC_PASS_ACCESS_TOKEN: 'true',
    });
  });
});
