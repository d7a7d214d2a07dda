import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

export const projectDir = join(__dirname, '../..');

export const readProjectFile = (path: string): string => readFileSync(join(projectDir, path), 'utf8');

export const isInProject = (path: string): boolean => existsSync(join(projectDir, path));

/** The source of a compiled entry point: dist/api/main.js comes from api/main.ts. */
export const sourceOf = (compiled: string): string => compiled.replace(/^dist\//, '').replace(/\.js$/, '.ts');
