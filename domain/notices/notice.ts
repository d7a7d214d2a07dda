/**
 * A notice by chat to support, by pager to on-call, or by push to a driver whose app is closed
 * (docs/behaviour.md#escalation). Contains no personal data.
 */
export type Notice = {
  to: NoticeAddressee;
  /** The matter. Notices of one matter reach an addressee in order, and `resolved` ends it. */
  about: string;
  /**
   * The pager's alert, where it is not `about`: each repeat has one of its own. An alert that is open, or was
   * acknowledged, swallows others of its key, and nobody is paged.
   */
  alert?: string;
  /** The alerts that this notice ends; absent: `about`, for `resolved`. */
  endsAlerts?: string[];
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
