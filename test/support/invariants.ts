/**
 * The invariants of docs/architecture.md#invariants, read from PostgreSQL past all code that should keep
 * them.
 */
import { type Database } from '../../adapters/postgres/database';
import { pathProblems } from '../../reliability/checker/deliveryRules';
import { ROW_RULES } from '../../reliability/checker/rowRules';
import { auditProblems, readChains } from './auditTrail';

/**
 * What does not hold, a sentence each; empty = all is as it must be. Only for a moment in which nobody
 * writes.
 */
export async function brokenInvariants(db: Database): Promise<string[]> {
  const found = await Promise.all(
    ROW_RULES.map(async ({ says, broken }) =>
      (await db.$queryRawUnsafe<{ id: string }[]>(broken)).map(({ id }) => `not so: ${id} ${says}`),
    ),
  );
  return [...found.flat(), ...(await auditProblems(db)), ...(await untoldChanges(db))];
}

/**
 * Every change of state has its audit entry, every entry its change (invariant 7). Read along the chains:
 * their order is that of the transactions, whatever clocks say.
 */
async function untoldChanges(db: Database): Promise<string[]> {
  const chains = new Map((await readChains(db)).map((each) => [each.chain, each.entries]));
  const deliveries = await db.delivery.findMany({ select: { id: true, status: true } });
  const offers = await db.offer.findMany({ select: { id: true, state: true } });
  // an offer that another delivery ended has its end in that one's chain
  const audited = new Map<string, string[]>();
  for (const { kind, detail } of [...chains.values()].flat()) {
    if (typeof detail?.offerId === 'string')
      audited.set(detail.offerId, [...(audited.get(detail.offerId) ?? []), kind]);
  }
  return [
    ...deliveries.flatMap(({ id, status }) =>
      pathProblems(chains.get(`delivery/${id}`) ?? [], status).map((what) => `delivery ${id}: ${what}`),
    ),
    ...offers
      .filter(
        ({ id, state }) =>
          (audited.get(id) ?? []).sort().join() !==
          ['offer_created', ...(state === 'LIVE' ? [] : [`offer_${state.toLowerCase()}`])].sort().join(),
      )
      .map(
        ({ id, state }) => `offer ${id} is ${state}; its entries are ${(audited.get(id) ?? []).join(', ')}`,
      ),
  ];
}
