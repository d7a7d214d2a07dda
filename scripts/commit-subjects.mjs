// node scripts/commit-subjects.mjs RANGE: checks that commit subjects have the form "area: what" and at most
// 72 columns.
import { execFileSync } from 'node:child_process';

const MAX_COLUMNS = 72;
const FORM = /^[a-z][a-z0-9/-]*: \S/;
/** Subjects written by git itself. */
const BY_GIT = /^(Merge|Revert) /;

/** The problem of a subject; null where there is none. */
export function subjectProblem(subject) {
  if (BY_GIT.test(subject)) return null;
  if ([...subject].length > MAX_COLUMNS)
    return `has ${[...subject].length} columns; at most ${MAX_COLUMNS} are allowed`;
  return FORM.test(subject) ? null : 'does not begin with an area, as in "offers: …"';
}

if (import.meta.filename === process.argv[1]) {
  const [range = 'HEAD~1..HEAD'] = process.argv.slice(2);
  const subjects = execFileSync('git', ['log', '--format=%s', range], { encoding: 'utf8' })
    .split('\n')
    .filter(Boolean);
  const wrong = subjects.flatMap((subject) => {
    const problem = subjectProblem(subject);
    return problem === null ? [] : [`"${subject}" ${problem}`];
  });
  for (const line of wrong) console.error(line);
  process.exitCode = wrong.length === 0 ? 0 : 1;
}
