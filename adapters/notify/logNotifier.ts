import { type NoticeLog } from '../../services/notices';
import { type Notifier } from '../../services/ports';

/** Where no channel is set up: a line in the log, so that nothing is told to nobody. */
export function createLogNotifier(log: NoticeLog, level: keyof NoticeLog): Notifier {
  return {
    channel: 'log',
    notify: async ({ to, at, ...notice }) => {
      log[level](
        { to: to.kind, at: new Date(at).toISOString(), ...notice },
        `notice to ${to.kind}: ${notice.title}`,
      );
      return 'sent';
    },
  };
}
