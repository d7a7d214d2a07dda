import { readProjectFile } from './projectFiles';

export type Instruction = { keyword: string; text: string };

/** What runs between one FROM and the next; `name` is undefined for the last, which is the image. */
export type Stage = { base: string; name: string | undefined; instructions: Instruction[] };

export function readDockerfile(path: string): Stage[] {
  const lines = readProjectFile(path)
    .replaceAll(/\\\n\s*/g, ' ')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'));
  const stages: Stage[] = [];
  for (const line of lines) {
    const { keyword = '', text = '' } = /^(?<keyword>[A-Z]+)\s+(?<text>.*)$/.exec(line)?.groups ?? {};
    if (keyword === '') throw new Error(`${path}: not an instruction: ${line}`);
    const from = /^(?<base>\S+)(?: AS (?<name>\S+))?$/.exec(text)?.groups;
    if (keyword === 'FROM' && from?.base) stages.push({ base: from.base, name: from.name, instructions: [] });
    else stages.at(-1)?.instructions.push({ keyword, text });
  }
  return stages;
}

export const instructionsOf = (stage: Stage | undefined, keyword: string): string[] =>
  (stage?.instructions ?? [])
    .filter((instruction) => instruction.keyword === keyword)
    .map(({ text }) => text);
