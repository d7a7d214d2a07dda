import { describe, expect, it } from '@jest/globals';
import { instructionsOf, readDockerfile, type Stage } from './dockerfile';
import { isInProject, readProjectFile, sourceOf } from './projectFiles';

const ENTRY = /dist\/\w+\/main\.js/;
const allowedInContext = readProjectFile('.dockerignore')
  .split('\n')
  .filter((line) => line.startsWith('!'))
  .map((line) => line.slice(1));

/** A folder that is let through brings what it holds. */
const isAllowed = (source: string): boolean =>
  allowedInContext.some((allowed) => source === allowed || source.startsWith(`${allowed}/`));

describe.each(['ops/docker/api.Dockerfile', 'ops/docker/worker.Dockerfile'])('%s', (path) => {
  const stages = readDockerfile(path);
  const image = stages.at(-1);

  it('builds on pinned images or on stages of its own', () => {
    const known = new Set(stages.map(({ name }) => name));
    const strange = stages.filter(({ base }) => !known.has(base) && !/^node:\d+-\w+-slim$/.test(base));
    expect(strange).toEqual([]);
  });

  it('copies what exists and what .dockerignore lets through', () => {
    const copied = stages.flatMap(contextCopies);
    expect(copied.filter((source) => !isInProject(source))).toEqual([]);
    expect(copied.filter((source) => source !== '.' && !isAllowed(source))).toEqual([]);
  });

  it('copies from stages that it has', () => {
    const names = new Set(stages.map(({ name }) => name));
    const from = stages
      .flatMap((stage) => instructionsOf(stage, 'COPY'))
      .flatMap((text) => /--from=(\S+)/.exec(text)?.[1] ?? []);
    expect(from.filter((name) => !names.has(name))).toEqual([]);
  });

  it('runs an entry point that the build makes, not as root, with a health check', () => {
    const entry = ENTRY.exec(instructionsOf(image, 'CMD').join())?.[0] ?? 'none';
    expect(isInProject(sourceOf(entry))).toBe(true);
    expect(instructionsOf(image, 'USER')).toEqual(['node']);
    expect(instructionsOf(image, 'HEALTHCHECK')).toHaveLength(1);
  });

  it('runs scripts that exist', () => {
    const commands = stages.flatMap((stage) => [
      ...instructionsOf(stage, 'RUN'),
      ...instructionsOf(stage, 'CMD'),
    ]);
    const scripts = commands.flatMap((command) => command.match(/scripts\/[\w/-]+\.mjs/g) ?? []);
    expect(scripts).not.toEqual([]);
    expect(scripts.filter((script) => !isInProject(script))).toEqual([]);
  });
});

it('lets every source folder that the build compiles into the context', () => {
  const { include } = JSON.parse(readProjectFile('tsconfig.json')) as { include: string[] };
  const absent = include.filter((folder) => isInProject(folder) && !allowedInContext.includes(folder));
  expect(absent).toEqual(['test']);
});

function contextCopies(stage: Stage): string[] {
  const texts = instructionsOf(stage, 'COPY').filter((text) => !text.includes('--from='));
  return texts.flatMap((text) => text.split(/\s+/).slice(0, -1));
}
