/**
 * A notice by chat to support, by pager to on-call, or by push to a driver whose app is closed
 * (docs/behaviour.md#escalation). Contains no personal data.
 */
export type Notice = {
  to: NoticeAddressee;
  /** Deduplication key: the pager groups notices by it, and `resolved` closes the group. */
  about: string;
  what: 'open' | 'resolved';
  severity: NoticeSeverity;
  /** One line. */
  title: string;
  text: string;
  /** A path of the API or the app, or null. */
  link: string | null;
  cityId: string;
  facts: Readonly<Record<string, string | number | null>>;
  /** Epoch ms. */
  at: number;
};

export type NoticeAddressee = { kind: 'support' } | { kind: 'pager' } | { kind: 'driver'; driverId: string };
export type NoticeSeverity = 'info' | 'warning' | 'error' | 'critical';
