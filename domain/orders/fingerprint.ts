/**
 * How a retry of an order is told from another order under the same key: by what the shop sent, not by what the
 * service made of it. docs/behaviour.md#deliveries; ADR 36.
 */
import { canonicalJson } from '../audit/canonicalJson';
import { type Point } from '../geo/places';

/** One stop as the shop sent it; null = not sent. */
export type SentStop = {
  address: string;
  point: Point;
  contactName: string | null;
  contactPhone: string | null;
  notes: string | null;
};

/** The part of an order that a shop sends. Instants are epoch ms; null = not sent. */
export type SentOrder = {
  merchantId: string;
  sellerOrderId: string;
  cityId: string;
  pickup: SentStop;
  dropoff: SentStop;
  readyAt: number | null;
  windowFrom: number | null;
  windowTo: number | null;
  parcelSize: string;
  feeCents: number;
  payCents: number | null;
  currency: string | null;
};

const STOP_FIELDS = ['address', 'point', 'contactName', 'contactPhone', 'notes'] as const;
const ORDER_FIELDS = [
  'cityId',
  'readyAt',
  'windowFrom',
  'windowTo',
  'parcelSize',
  'feeCents',
  'payCents',
  'currency',
] as const;

/** Fields that the service fills where the shop sends none, so that the row does not tell whether it did. */
const FILLED_FIELDS: readonly string[] = ['readyAt', 'payCents', 'currency'];

/**
 * The text that the fingerprint of an order covers: each field that was sent, with instants and spaces in one
 * form. A field that was left out, null or empty is not in it, so that the next optional field changes no
 * fingerprint.
 * @param sent the body as parsed JSON
 */
export function canonicalSent(sent: unknown, merchantId: string): string {
  const body = withoutEmpty(sent);
  return canonicalJson(isRecord(body) ? { ...body, merchantId } : { body, merchantId });
}

/** The text that releases up to 2.1.0 hashed: all fields that they knew, with null for those left out. */
export function canonicalOfV1(order: SentOrder): string {
  const { merchantId, sellerOrderId, cityId, pickup, dropoff, readyAt, windowFrom, windowTo } = order;
  const { parcelSize, feeCents, payCents, currency } = order;
  return canonicalJson({
    merchantId,
    sellerOrderId,
    cityId,
    pickup: stopOfV1(pickup),
    dropoff: stopOfV1(dropoff),
    readyAt,
    windowFrom,
    windowTo,
    parcelSize,
    feeCents,
    payCents,
    currency,
  });
}

function stopOfV1({ address, point, contactName, contactPhone, notes }: SentStop): SentStop {
  return { address, point: { lat: point.lat, lng: point.lng }, contactName, contactPhone, notes };
}

/** The fields of an order that were sent, `pickup.notes` and the like, in a fixed order. */
export function sentFieldsOf(order: SentOrder): string[] {
  return [...valuesOf(order)].flatMap(([field, value]) => (value === null ? [] : [field]));
}

/** An order as its rows have it. `fields` are those that were sent; null = taken by a release that kept none. */
export type TakenOrder = { order: SentOrder; fields: readonly string[] | null };

/**
 * The fields in which a second order under a key differs from the first.
 * @param changedSince fields that were changed after the order was taken: they say nothing about what was sent
 */
export function differingFields(
  { order: before, fields }: TakenOrder,
  after: SentOrder,
  changedSince: readonly string[],
): string[] {
  const first = valuesOf(before);
  return [...valuesOf(after)].flatMap(([field, value]) => {
    if (changedSince.includes(field)) return [];
    const stored = first.get(field) ?? null;
    const wasSent = fields === null ? sentAsFarAsKnown(field, stored, value) : fields.includes(field);
    return isSame({ wasSent, stored }, value) ? [] : [field];
  });
}

/** A value that was sent and is not stored any more was blanked, and cannot be compared. */
function isSame({ wasSent, stored }: { wasSent: boolean; stored: unknown }, value: unknown): boolean {
  if (!wasSent || value === null) return wasSent === (value !== null);
  return stored === null || canonicalJson(stored) === canonicalJson(value);
}

function sentAsFarAsKnown(field: string, stored: unknown, value: unknown): boolean {
  return FILLED_FIELDS.includes(field) ? value !== null : stored !== null;
}

function valuesOf(order: SentOrder): Map<string, unknown> {
  return new Map<string, unknown>([
    ...ORDER_FIELDS.map((field) => [field, order[field]] as const),
    ...STOP_FIELDS.map((field) => [`pickup.${field}`, order.pickup[field]] as const),
    ...STOP_FIELDS.map((field) => [`dropoff.${field}`, order.dropoff[field]] as const),
  ]);
}

const INSTANT = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:?\d{2})$/i;

/** Without what is null or empty, with texts trimmed, and instants as epoch ms. */
function withoutEmpty(value: unknown): unknown {
  if (typeof value === 'string') return plainText(value.trim());
  if (Array.isArray(value)) return value.map(withoutEmpty);
  if (!isRecord(value)) return value;
  return Object.fromEntries(
    Object.entries(value).flatMap(([key, each]) => {
      const kept = withoutEmpty(each);
      return kept === null || kept === undefined || kept === '' ? [] : [[key, kept]];
    }),
  );
}

function plainText(text: string): string | number {
  const at = INSTANT.test(text) ? Date.parse(text) : NaN;
  return Number.isNaN(at) ? text : at;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
