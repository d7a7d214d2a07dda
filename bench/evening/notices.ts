import type { ReceivedNotice } from './noticeSink';

export type NoticeFigures = {
  /** Messages in support's chat, and how many of them tell of an end. */
  chat: number;
  chatResolved: number;
  /** Pages to the person on call: alerts that were opened. An update of an open alert wakes nobody. */
  pages: number;
  pageUpdates: number;
  /** The most of each within one minute. */
  mostChatAMinute: number;
  mostPagesAMinute: number;
  /** The most alerts that were open at the same time. */
  mostOpenPages: number;
};

const MINUTE_MS = 60_000;

/** @param received in order of arrival */
export function noticeFigures(received: readonly ReceivedNotice[]): NoticeFigures {
  const chat = received.filter(({ channel }) => channel === 'chat');
  const { pages, updates, mostOpen } = pagesOf(received);
  return {
    chat: chat.length,
    chatResolved: chat.filter(({ what }) => what === 'resolved').length,
    pages: pages.length,
    pageUpdates: updates,
    mostChatAMinute: mostWithin(
      MINUTE_MS,
      chat.map(({ at }) => at),
    ),
    mostPagesAMinute: mostWithin(MINUTE_MS, pages),
    mostOpenPages: mostOpen,
  };
}

/** When somebody was paged (epoch ms), how many alerts were brought up to date, and the most open at once. */
export function pagesOf(received: readonly ReceivedNotice[]): {
  pages: number[];
  updates: number;
  mostOpen: number;
} {
  const open = new Set<string>();
  const pages: number[] = [];
  let [updates, mostOpen] = [0, 0];
  for (const { channel, what, key, at } of received) {
    if (channel !== 'pager' || key === null) continue;
    if (what === 'resolved') open.delete(key);
    else if (open.has(key)) updates += 1;
    else {
      open.add(key);
      pages.push(at);
      mostOpen = Math.max(mostOpen, open.size);
    }
  }
  return { pages, updates, mostOpen };
}

/** The most of these instants that lie within `ms`. */
export function mostWithin(ms: number, instants: readonly number[]): number {
  const sorted = [...instants].sort((a, b) => a - b);
  let [most, first] = [0, 0];
  for (const [last, at] of sorted.entries()) {
    while (at - (sorted[first] ?? at) >= ms) first += 1;
    most = Math.max(most, last - first + 1);
  }
  return most;
}
