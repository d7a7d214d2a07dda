import { type Notice } from '../../domain/notices/notice';
import { NOTICE_TIMEOUT_MS } from '../../services/notices';
import { type Notifier } from '../../services/ports';
import { postJson } from './noticeHttp';

export type SlackDeps = {
  url: string;
  publicUrl: string | null;
  timeoutMs?: number;
  channel?: 'slack' | 'fallback';
  /** Where notices go that this chat refuses. */
  second?: Notifier;
};

/** With the link, this stays under Slack's limit of 3,000 characters a section. */
const MAX_TITLE = 300;
const MAX_TEXT = 2_000;

/** Posts to a chat through an incoming webhook of Slack or a compatible service (Mattermost, Rocket.Chat). */
export function createSlackNotifier({
  url,
  publicUrl,
  timeoutMs = NOTICE_TIMEOUT_MS,
  channel = 'slack',
  second,
}: SlackDeps): Notifier {
  return {
    channel,
    ...(second && { second }),
    notify: async (notice) => {
      await postJson('Slack', url, slackBody(notice, publicUrl), timeoutMs);
      return 'sent';
    },
  };
}

/** `text` is the fallback for notifications and clients without blocks. */
function slackBody(
  { what, severity, title, text, link, cityId, facts }: Notice,
  publicUrl: string | null,
): Record<string, unknown> {
  const heading = `${what === 'resolved' ? 'Resolved' : capital(severity)}: ${cut(title, MAX_TITLE)}`;
  const lines = [
    `*${heading}*`,
    cut(text, MAX_TEXT),
    ...(link === null ? [] : [linkText(link, publicUrl)]),
  ].filter((line) => line !== '');
  const details = [
    `city: ${cityId}`,
    ...Object.entries(facts)
      .filter(([, value]) => value !== null)
      .map(([name, value]) => `${name}: ${value}`),
  ].join(' | ');
  return {
    text: heading,
    blocks: [
      { type: 'section', text: textOf(lines.join('\n')) },
      { type: 'context', elements: [textOf(cut(details, MAX_TEXT))] },
    ],
  };
}

/**
 * `verbatim`: names and addresses from an order, such as `@here` in an order number, become neither links nor
 * mentions.
 */
function textOf(text: string): Record<string, unknown> {
  return { type: 'mrkdwn', verbatim: true, text };
}

function linkText(link: string, publicUrl: string | null): string {
  return publicUrl === null ? escaped(link) : `<${escaped(`${publicUrl}${link}`)}|Open>`;
}

/** Cuts at whole characters only: Slack refuses a body with half a character. */
function cut(text: string, maxLength: number): string {
  let kept = '';
  for (const character of text) {
    const next = escaped(character);
    if (kept.length + next.length > maxLength) break;
    kept += next;
  }
  return kept;
}

/** Escapes the three characters that have a meaning in Slack's text. */
function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}

function capital(word: string): string {
  return `${word.charAt(0).toUpperCase()}${word.slice(1)}`;
}
