/** Recorded histories: `<workflow>/<release>-<scenario>.json`, one event a line. */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { readRecorded, type RecordedHistory } from './historyJson';

export type HistoryFile = { workflow: string; release: string; scenario: string; path: string };

const NAME = /^(?<release>\d+\.\d+\.\d+)-(?<scenario>[a-z0-9-]+)\.json$/;

/** All histories below `folder`. @throws Error for a file whose name does not fit */
export function historyFiles(folder: string): HistoryFile[] {
  const workflows = readdirSync(folder).filter((name) => statSync(join(folder, name)).isDirectory());
  return workflows.flatMap((workflow) =>
    readdirSync(join(folder, workflow)).map((name) => {
      const { release, scenario } = NAME.exec(name)?.groups ?? {};
      if (release === undefined || scenario === undefined)
        throw new Error(`${workflow}/${name} is not named <release>-<scenario>.json`);
      return { workflow, release, scenario, path: join(folder, workflow, name) };
    }),
  );
}

export function readText({ path }: HistoryFile): string {
  return readFileSync(path, 'utf8');
}

export function readHistory(file: HistoryFile): RecordedHistory {
  return readRecorded(JSON.parse(readText(file)));
}
