import { type Entry } from '../delivery/deliveryState';

/** What the hash of an entry covers, beside the hash before it: all that it says. Instants are epoch ms. */
export type AuditRecord = Entry & {
  id: string;
  at: number;
  cityId: string;
  deliveryId: string | null;
  merchantId: string | null;
  sellerOrderId: string | null;
  correlationId: string;
};

/** One text for one record, whatever the order of its keys: PostgreSQL's jsonb keeps none. */
export function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`;
  if (value === null || typeof value !== 'object') return JSON.stringify(value ?? null);
  const parts = Object.entries(value)
    .filter(([, each]) => each !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${parts.map(([key, each]) => `${JSON.stringify(key)}:${canonicalJson(each)}`).join(',')}}`;
}
