import { expect, it } from '@jest/globals';
import { readProjectFile } from './projectFiles';

type Package = { version?: string; optionalDependencies?: Record<string, string>; resolved?: string };

const { packages } = JSON.parse(readProjectFile('package-lock.json')) as {
  packages: Record<string, Package>;
};

it('names every optional package, so that npm ci works on every platform', () => {
  const missing = Object.entries(packages).flatMap(([path, { optionalDependencies = {} }]) =>
    Object.keys(optionalDependencies)
      .filter((name) => !isLocked(path, name))
      .map((name) => `${name}, for ${path}`),
  );
  // npm leaves out what the registry cannot give just now: take a version of the package that is complete
  // there.
  expect(missing).toEqual([]);
});

it('names no registry', () => {
  expect(Object.entries(packages).filter(([, { resolved }]) => resolved?.startsWith('http'))).toEqual([]);
});

/** As Node looks it up: beside the package's own modules, then outwards. */
function isLocked(path: string, name: string): boolean {
  const folders =
    path === ''
      ? ['']
      : path
          .split('/node_modules/')
          .map((_, index, parts) => `${parts.slice(0, index + 1).join('/node_modules/')}/`);
  return ['', ...folders].some((folder) => `${folder}node_modules/${name}` in packages);
}
