import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from '@jest/globals';
import ts from 'typescript';
import { readmeExamples } from '../support/readmeExamples';

const ROOT = join(__dirname, '../..');
/** Inside the project, so that the examples can import its packages. */
const FOLDER = join(ROOT, '.cache/readme');

it('the examples of the client’s README compile against its types', () => {
  rmSync(FOLDER, { recursive: true, force: true });
  mkdirSync(FOLDER, { recursive: true });
  const files = [...readmeExamples().values()].map((code, index) => {
    const file = join(FOLDER, `example-${index}.mts`);
    writeFileSync(file, code);
    return file;
  });
  const { config } = ts.readConfigFile(join(ROOT, 'tsconfig.json'), (path) => ts.sys.readFile(path)) as {
    config: { compilerOptions: object };
  };
  const { options } = ts.convertCompilerOptionsFromJson(
    { ...config.compilerOptions, incremental: false, tsBuildInfoFile: undefined },
    ROOT,
  );
  const found = ts.getPreEmitDiagnostics(ts.createProgram(files, options));
  expect(found.map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, '\n'))).toEqual([]);
  expect(files.length).toBeGreaterThan(0);
}, 60_000);
