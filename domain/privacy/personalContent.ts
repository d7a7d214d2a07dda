/** What is personal in the payloads of workflows: text that people typed, and the names of people. */

/** Fields whose text a person typed, or which say where somebody is reached. */
const PERSONAL_FIELDS: ReadonlySet<string> = new Set([
  'why',
  'note',
  'notes',
  'contactName',
  'contactPhone',
  'address',
]);
/** Actors of these kinds are named as their identity provider names them. Drivers and merchants have ids. */
const NAMED_ACTORS: ReadonlySet<unknown> = new Set(['ops', 'customer']);

/** Whether a payload holds personal content at any depth. Summaries are texts by themselves, and hold none. */
export function holdsPersonalContent(value: unknown): boolean {
  if (Array.isArray(value)) return value.some(holdsPersonalContent);
  if (value === null || typeof value !== 'object') return false;
  if (isNamedActor(value)) return true;
  return Object.entries(value).some(
    ([name, each]) =>
      (PERSONAL_FIELDS.has(name) && typeof each === 'string' && each !== '') || holdsPersonalContent(each),
  );
}

function isNamedActor(value: object): boolean {
  return 'kind' in value && 'id' in value && NAMED_ACTORS.has(value.kind);
}
