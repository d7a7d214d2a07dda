import { type Log, type Notifier } from '../../services/ports';

/** Writes notices to the log if no channel is configured, so that none is lost silently. */
export function createLogNotifier(log: Log, level: keyof Log): Notifier {
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
