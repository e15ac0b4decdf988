import type { Message } from "../api/types";

/**
 * What is known of a room's log: one run of messages without a gap, in order, and those that arrived beyond a gap. All
 * functions here are pure; a timeline is never changed.
 */
export interface Timeline {
  /** Consecutive sequence numbers, ascending. */
  messages: readonly Message[];
  /** Later ones, waiting until what is missing before them has come. */
  ahead: readonly Message[];
  /** The last sequence number of the run; what a subscription continues from. */
  last: number;
}

/** A timeline that begins with a page of history; an empty room begins at its head. */
export function timelineOf(items: readonly Message[], head: number): Timeline {
  const start: Timeline = { messages: [], ahead: [], last: (items[0]?.seq ?? head + 1) - 1 };
  return insert(start, items);
}

/** Adds messages that came live, as a repair, or once more: whatever the order, each is there once and in its place. */
export function insert(timeline: Timeline, incoming: readonly Message[]): Timeline {
  const fresh = incoming.filter((message) => message.seq > timeline.last);
  if (fresh.length === 0) return timeline;
  const waiting = new Map<number, Message>();
  for (const message of [...timeline.ahead, ...fresh]) waiting.set(message.seq, message);
  const run: Message[] = [];
  let last = timeline.last;
  for (let next = waiting.get(last + 1); next; next = waiting.get(last + 1)) {
    run.push(next);
    waiting.delete(next.seq);
    last = next.seq;
  }
  return {
    messages: run.length > 0 ? [...timeline.messages, ...run] : timeline.messages,
    ahead: [...waiting.values()].sort(bySeq),
    last,
  };
}

/** Adds a page of older messages before the first one. */
export function prepend(timeline: Timeline, older: readonly Message[]): Timeline {
  const first = timeline.messages[0]?.seq ?? timeline.last + 1;
  const fresh = older.filter((message) => message.seq < first).sort(bySeq);
  // What does not join on without a gap is not taken: it is asked for again when it is scrolled to.
  if (fresh.length === 0 || fresh.at(-1)!.seq !== first - 1) return timeline;
  return { ...timeline, messages: [...fresh, ...timeline.messages] };
}

/** Keeps the last `count` messages of the run. */
export function newest(timeline: Timeline, count: number): Timeline {
  return { ...timeline, messages: timeline.messages.slice(-count) };
}

export function hasGap(timeline: Timeline): boolean {
  return timeline.ahead.length > 0;
}

/** The room's log starts with 1. */
export function reachesStart(timeline: Timeline): boolean {
  return (timeline.messages[0]?.seq ?? timeline.last + 1) <= 1;
}

function bySeq(a: Message, b: Message): number {
  return a.seq - b.seq;
}
