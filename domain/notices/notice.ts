/**
 * A notice to people outside our screens: support by chat, on-call by pager, a driver with a closed app
 * (docs/behaviour.md#escalation). No personal data.
 */
export type Notice = {
  to: NoticeAddressee;
  /** Equal for all notices about one matter: the pager groups them, and `resolved` ends them. */
  about: string;
  what: 'open' | 'resolved';
  severity: NoticeSeverity;
  /** One line. */
  title: string;
  text: string;
  /** A path of the API or the app; null: none. */
  link: string | null;
  cityId: string;
  facts: Readonly<Record<string, string | number | null>>;
  /** Epoch ms. */
  at: number;
};

export type NoticeAddressee = { kind: 'support' } | { kind: 'pager' } | { kind: 'driver'; driverId: string };
export type NoticeSeverity = 'info' | 'warning' | 'error' | 'critical';
