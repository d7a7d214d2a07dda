/**
 * What people are told who look at no screen of ours: support by chat, whoever is on call by pager, a driver
 * on a closed app (docs/behaviour.md#escalation). No personal data.
 */
export type Notice = {
  to: NoticeAddressee;
  /** The same for all notices about one matter, so that a pager folds them and `resolved` ends them. */
  about: string;
  what: 'open' | 'resolved';
  severity: NoticeSeverity;
  /** One line. */
  title: string;
  text: string;
  /** A path of the API or of the app; null: there is nothing to look at. */
  link: string | null;
  cityId: string;
  facts: Readonly<Record<string, string | number | null>>;
  /** Epoch ms. */
  at: number;
};

export type NoticeAddressee = { kind: 'support' } | { kind: 'pager' } | { kind: 'driver'; driverId: string };
export type NoticeSeverity = 'info' | 'warning' | 'error' | 'critical';
