import type { HistoryFile } from './histories';

export type Refused = { file: Pick<HistoryFile, 'workflow' | 'release' | 'scenario'>; error: Error };

/**
 * Explains to a contributor which histories do not replay, why, what that would do to open runs, and what to
 * do.
 */
export function explain(refused: readonly Refused[], total: number): string {
  if (refused.length === 0)
    return `All ${total} recorded histories replay on these workflows: a run that is open now would go on.`;
  return [
    `${refused.length} of ${total} recorded histories do not replay on these workflows:`,
    '',
    ...byReason(refused),
    '',
    'What it means: an open run of such a release that has come to the same point would fail its next workflow',
    'task again and again once this is rolled out.',
    'What to do: leave what runs have done already as it was, and put what is new behind `patched`:',
    "    if (patched('what-changed')) { /* the new way */ } else { /* the old way, as it stood */ }",
    'Never change recorded histories to fit. See docs/upgrading.md, “Changing a workflow”, and',
    'https://docs.temporal.io/develop/typescript/versioning',
  ].join('\n');
}

/** Most changes break all histories for the same reason, which is said once. */
function byReason(refused: readonly Refused[]): string[] {
  const groups = new Map<string, Map<string, string[]>>();
  for (const {
    file: { workflow, release, scenario },
    error,
  } of refused) {
    const title = `  ${workflow}: ${reasonOf(error)}`;
    const releases = groups.get(title) ?? new Map<string, string[]>();
    releases.set(release, [...(releases.get(release) ?? []), scenario.replaceAll('-', ' ')]);
    groups.set(title, releases);
  }
  return [...groups].flatMap(([title, releases]) => [
    title,
    ...[...releases].map(([release, scenarios]) => `      ${release}: ${scenarios.join('; ')}`),
  ]);
}

/** Puts the SDK's error into words of the workflow. Unknown errors stay as they are. */
export function reasonOf({ message }: Error): string {
  const inner = /message: "((?:[^"\\]|\\.)*)"/.exec(message)?.[1]?.replaceAll('\\"', '"') ?? message;
  const words = inner
    .replace(/^\[TMPRL1100\] (Nondeterminism error: )?/, '')
    .replace(/\s+/g, ' ')
    .trim();
  if (/no such function is exported/.test(words))
    return 'these workflows do not have it any more, or under another name';
  const missing = /^Missing associated machine for (.*)$/.exec(words)?.[1];
  if (missing) return `the history has ${missing}, which these workflows do not do, or not at that point`;
  const [, did, at, has] =
    /^(\w+) machine does not handle this event: HistoryEvent\(id: (\d+), (\w+)\)/.exec(words) ?? [];
  if (did && at && has) return `its event ${at} is ${has}, where these workflows do something of kind ${did}`;
  return words;
}
