/** What bounds orders (docs/behaviour.md#deliveries). */
export type OrderLimits = {
  /** How far from now the times of an order may lie, in ms. */
  horizonMs: number;
  /** How many open deliveries a merchant may have. */
  openDeliveriesMax: number;
  /** How far from the centre of its city a stop may be, where the city sets nothing. */
  serviceRadiusMeters: number;
  /** The most that a driver may get for one delivery, with the bonus, in cents. */
  payMaxCents: number;
};

/** 30 days; 1,000 open deliveries; 60 km; 1,000.00 for a delivery. */
export const ORDER_LIMITS: OrderLimits = {
  horizonMs: 30 * 86_400_000,
  openDeliveriesMax: 1_000,
  serviceRadiusMeters: 60_000,
  payMaxCents: 100_000,
};
