/** What bounds orders (docs/behaviour.md#deliveries). */
export type OrderLimits = {
  /** How far from now the times of an order may lie, in ms. */
  horizonMs: number;
  /** How many open deliveries a merchant may have. */
  openDeliveriesMax: number;
};

/** 30 days; 1,000 open deliveries. */
export const ORDER_LIMITS: OrderLimits = { horizonMs: 30 * 86_400_000, openDeliveriesMax: 1_000 };
