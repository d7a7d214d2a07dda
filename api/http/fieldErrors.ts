/** The errors of a failed validation, each at the field that is wrong. */
import type { z } from 'zod';
import type { FieldError } from './problems';

type Issue = z.core.$ZodIssue;

/** The most errors in one reply. */
const MAX_ERRORS = 50;

export function fieldErrors({ issues }: z.ZodError): FieldError[] {
  return issues
    .flatMap((issue) => errorsOf(issue, []))
    .slice(0, MAX_ERRORS)
    .map(({ path, message }) => ({ path: path.slice(0, 200), message: message.slice(0, 300) }));
}

/** An issue of a union says nothing by itself: the errors are those of the option that fits best. */
function errorsOf(issue: Issue, above: readonly PropertyKey[]): FieldError[] {
  const path = [...above, ...issue.path];
  switch (issue.code) {
    case 'invalid_union': {
      const discriminated = 'options' in issue && issue.options !== undefined ? issue.options : null;
      if (discriminated !== null)
        return [errorAt(path, `must be one of ${discriminated.map(String).join(', ')}`)];
      if (areAllOfAnotherKind(issue.errors))
        return [
          errorAt(path, [...new Set(issue.errors.flatMap(([first]) => first?.message ?? []))].join(', or ')),
        ];
      return bestFitting(issue.errors).flatMap((each) => errorsOf(each, path));
    }
    case 'invalid_key':
    case 'invalid_element':
      return issue.issues.flatMap((each) => errorsOf(each, path));
    default:
      return [errorAt(path, issue.message)];
  }
}

function errorAt(path: readonly PropertyKey[], message: string): FieldError {
  return { path: path.map(String).join('.'), message };
}

/** No option accepts this kind of value, such as a list where a number or a text is due. */
function areAllOfAnotherKind(options: readonly (readonly Issue[])[]): boolean {
  return options.every(([first]) => first?.code === 'invalid_type' && first.path.length === 0);
}

/** The option with the fewest errors. A field that an option does not know counts double. */
function bestFitting(options: readonly (readonly Issue[])[]): readonly Issue[] {
  return options.reduce((best, option) => (misfit(option) < misfit(best) ? option : best), options[0] ?? []);
}

function misfit(issues: readonly Issue[]): number {
  return issues.reduce((sum, issue) => sum + misfitOf(issue), 0);
}

function misfitOf(issue: Issue): number {
  if (issue.code === 'unrecognized_keys') return 2 * issue.keys.length;
  return issue.code === 'invalid_type' && issue.path.length === 0 ? 10 : 1;
}
