import type { Dispatcher } from '../../services/ports';

/** Takes every call, and does nothing. */
export const IDLE_DISPATCHER: Dispatcher = {
  startDelivery: async () => {},
  signalDriverLeft: async () => {},
  signalDriverRescued: async () => {},
  signalOfferWithdrawn: async () => {},
  wake: async () => {},
  endAvailabilityLater: async () => {},
  sendCommand: async () => null,
  propose: async () => {},
  callRound: async () => {},
};
