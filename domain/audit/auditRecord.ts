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
