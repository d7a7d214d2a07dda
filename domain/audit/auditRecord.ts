import { type Entry } from '../delivery/deliveryState';

/** Which fields are texts, and the digest that the hash covers in their place. `why`, or keys of the detail. */
export type TextSeal = { fields: readonly string[]; digest: string };

/** The content that the hash of an entry covers, together with the previous hash. Instants are epoch ms. */
export type AuditRecord = Entry & {
  id: string;
  at: number;
  cityId: string;
  deliveryId: string | null;
  merchantId: string | null;
  sellerOrderId: string | null;
  correlationId: string;
  /** In place of the texts; absent where the entry has none, or is of a release that hashed them. */
  texts?: TextSeal;
};

/**
 * The same text for equal records, whatever the order of their keys: PostgreSQL's jsonb does not keep key
 * order.
 */
export function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`;
  if (value === null || typeof value !== 'object') return JSON.stringify(value ?? null);
  const parts = Object.entries(value)
    .filter(([, each]) => each !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${parts.map(([key, each]) => `${JSON.stringify(key)}:${canonicalJson(each)}`).join(',')}}`;
}
