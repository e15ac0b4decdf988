import { describe, expect, test } from "vitest";
import type { Message } from "../api/types";
import { hasGap, insert, prepend, reachesStart, timelineOf } from "./timeline";

const message = (seq: number): Message => ({
  roomId: "r",
  seq,
  type: "MESSAGE",
  senderId: "mina",
  senderName: "Mina",
  content: `${seq}`,
  key: `k${seq}`,
  sentAt: "2026-11-21T00:00:00Z",
});
const range = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, i) => message(from + i));
const seqs = (messages: readonly Message[]) => messages.map(({ seq }) => seq);

describe("insert", () => {
  const cases: Record<string, { live: number[]; messages: number[]; ahead: number[] }> = {
    "appends the next one": { live: [6], messages: [4, 5, 6], ahead: [] },
    "ignores what it has": { live: [5, 4], messages: [4, 5], ahead: [] },
    "ignores what is older than its first": { live: [1], messages: [4, 5], ahead: [] },
    "keeps what is beyond a gap aside": { live: [8, 7], messages: [4, 5], ahead: [7, 8] },
    "closes a gap when the missing one comes": { live: [7, 8, 6], messages: [4, 5, 6, 7, 8], ahead: [] },
    "takes what comes twice once": { live: [7, 7, 6, 6, 7], messages: [4, 5, 6, 7], ahead: [] },
  };
  test.each(Object.entries(cases))("%s", (_, { live, messages, ahead }) => {
    const got = live.reduce((timeline, seq) => insert(timeline, [message(seq)]), timelineOf(range(4, 5), 5));
    expect({ messages: seqs(got.messages), ahead: seqs(got.ahead), last: got.last }).toEqual({
      messages,
      ahead,
      last: messages.at(-1),
    });
  });

  test("ends in the same log whatever the order of arrival", () => {
    for (let round = 0; round < 200; round++) {
      const shuffled = range(1, 30).sort(() => Math.random() - 0.5);
      let timeline = timelineOf([], 0);
      for (const one of shuffled) timeline = insert(timeline, [one]);
      expect(seqs(timeline.messages)).toEqual(seqs(range(1, 30)));
      expect(hasGap(timeline)).toBe(false);
    }
  });

  test("answers the same timeline when nothing is new, so that nothing is drawn", () => {
    const timeline = timelineOf(range(1, 3), 3);
    expect(insert(timeline, [message(2)])).toBe(timeline);
  });
});

describe("timelineOf", () => {
  test("continues an empty room from its head", () => {
    expect(timelineOf([], 0)).toMatchObject({ messages: [], last: 0 });
  });
});

describe("prepend", () => {
  test("puts an older page before the first message, without what is there", () => {
    const timeline = prepend(timelineOf(range(5, 6), 6), range(3, 5));
    expect(seqs(timeline.messages)).toEqual([3, 4, 5, 6]);
  });

  test("does not take a page that leaves a gap", () => {
    const timeline = timelineOf(range(5, 6), 6);
    expect(prepend(timeline, range(1, 3))).toBe(timeline);
  });

  test("knows the start of the log", () => {
    const timeline = timelineOf(range(3, 4), 4);
    expect(reachesStart(timeline)).toBe(false);
    expect(reachesStart(prepend(timeline, range(1, 2)))).toBe(true);
  });
});
