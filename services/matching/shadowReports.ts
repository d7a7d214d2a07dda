import { type MatchPolicy } from '../../domain/matching/policies';
import { MATCH_WEIGHTS } from '../../domain/matching/weights';
import { type Database, readerOf } from '../../adapters/postgres/database';
import { readPolicy } from '../../adapters/postgres/policyRows';
import {
  type Agreement,
  type Expected,
  type Happened,
  readAgreement,
  readExpected,
  readHappened,
} from '../../adapters/postgres/shadowReportRows';
import { type PolicyName } from './policies';

/** A policy in shadow beside what was done, over a span of time. */
export type ShadowReport = {
  policy: MatchPolicy;
  agreement: Agreement;
  /** Null: there is no delivery for which both had a driver. */
  expected: { pairs: number; live: Expected; shadow: Expected } | null;
  happened: Happened;
};

export type ShadowReports = {
  /** Instants are epoch ms. @returns null for an unknown policy */
  read(cityId: string, policy: PolicyName, span: { from: number; to: number }): Promise<ShadowReport | null>;
};

/** @param timeScale divides business durations that are not in the settings */
export function createShadowReports({ db, timeScale }: { db: Database; timeScale: number }): ShadowReports {
  const read = readerOf(db);
  return {
    read: async (cityId, name, { from, to }) => {
      const policy = await readPolicy(read, name);
      if (!policy) return null;
      const span = { cityId, shadowId: policy.policyId, from, to };
      return {
        policy,
        agreement: await readAgreement(read, span),
        expected: await readExpected(read, span),
        happened: await readHappened(read, span, MATCH_WEIGHTS.targetMs / timeScale),
      };
    },
  };
}
