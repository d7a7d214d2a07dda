import type { Message } from '../notices/message';
import { type Breach, breachWords } from './guardRails';

/**
 * Tells support that something was switched off in a city. Nobody is paged: it is off. A second one of the same city
 * goes to the same matter. docs/operations.md#ramp.
 * @param what a feature or a policy
 */
export function guardRailNotice({
  cityId,
  what,
  breach,
  at,
}: {
  cityId: string;
  what: string;
  breach: Breach;
  at: number;
}): Message {
  const { rail, treated, others, sample } = breach;
  return {
    kind: 'notify',
    notice: {
      to: { kind: 'support' },
      about: `guard-rail/${cityId}`,
      what: 'open',
      severity: 'error',
      title: `${what} has switched itself off in ${cityId}`,
      text: `${breachWords(breach)}. It stays off until somebody switches it on again.`,
      link: `/v2/ops/cities/${cityId}/matching`,
      cityId,
      facts: { rail, treated, others, sample: sample.treated, othersSample: sample.others },
      at,
    },
  };
}
