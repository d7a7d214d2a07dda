/** An error that the user can correct, in arguments or files. */
export class UsageError extends Error {
  override name = 'UsageError';
}

/** @throws UsageError unless it is a whole number from `min` to `max`, inclusive */
export function countOf(name: string, text: string, { min, max }: { min: number; max: number }): number {
  if (/^\d{1,15}$/.test(text) && Number(text) >= min && Number(text) <= max) return Number(text);
  throw new UsageError(`${name} must be a whole number from ${min} to ${max}, not ${JSON.stringify(text)}`);
}

/** @throws UsageError unless it is a number from `min` to `max`, inclusive */
export function numberOf(name: string, text: string, { min, max }: { min: number; max: number }): number {
  if (/^\d{1,9}(\.\d{1,9})?$/.test(text) && Number(text) >= min && Number(text) <= max) return Number(text);
  throw new UsageError(`${name} must be a number from ${min} to ${max}, not ${JSON.stringify(text)}`);
}
