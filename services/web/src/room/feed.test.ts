import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { AuthorizedClient } from "../api/client";
import { NetworkError } from "../api/problem";
import type { Message } from "../api/types";
import type { Connection, RoomSubscription } from "../stomp/connection";
import { Outbox } from "../stomp/outbox";
import { RoomFeed } from "./feed";

const message = (seq: number): Message => ({
  roomId: "r",
  seq,
  type: "MESSAGE",
  senderId: "joon",
  senderName: "Joon",
  content: `${seq}`,
  key: `k${seq}`,
  sentAt: "2026-11-21T00:00:00Z",
});
const range = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, i) => message(from + i));

/** A room whose log reaches up to `head`, and a connection that does what it is told. */
function setUp(head: number) {
  const room = { head, away: false, asked: 0 };
  const api = {
    request: async (_: string, { query }: { query: { before?: number; after?: number; limit: number } }) => {
      room.asked++;
      if (room.away) throw new NetworkError("away");
      const { before = room.head + 1, after, limit } = query;
      const items = after === undefined ? range(Math.max(1, before - limit), before - 1) : range(after + 1, Math.min(room.head, after + limit));
      return { items, head: room.head };
    },
  };
  let subscription: RoomSubscription | undefined;
  const connection = {
    follow: (_: string, followed: RoomSubscription) => {
      subscription = followed;
      return () => (subscription = undefined);
    },
  };
  const outbox = new Outbox("mina", async () => undefined);
  const feed = new RoomFeed("r", "mina", api as unknown as AuthorizedClient, connection as unknown as Connection, outbox);
  return { room, feed, subscription: () => subscription! };
}

const seqs = (feed: RoomFeed) => {
  const { messages } = feed.state.get().timeline;
  return [messages[0]?.seq, messages.at(-1)?.seq];
};

describe("RoomFeed", () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  test("tells what the conversation begins with apart from what arrives", async () => {
    const { feed } = setUp(10);
    const begun: number[] = [];
    feed.onPage = (page) => begun.push(page.length);
    feed.onArrivals = () => begun.push(-1);
    await feed.start();
    expect(begun).toEqual([10]);
  });

  test("draws what arrives within a moment once, and tells of it in order", async () => {
    const { feed, subscription } = setUp(10);
    const told: number[][] = [];
    feed.onArrivals = (messages) => told.push(messages.map(({ seq }) => seq));
    await feed.start();
    let drawn = 0;
    feed.state.subscribe(() => drawn++);
    for (const one of range(11, 310)) subscription().onMessage(one);
    await vi.advanceTimersByTimeAsync(20);
    expect(seqs(feed)).toEqual([1, 310]);
    expect(told).toEqual([range(11, 310).map(({ seq }) => seq)]);
    expect(drawn).toBe(1);
    feed.stop();
  });

  test.each([
    { missed: 300, continues: 10, shows: [1, 10] },
    { missed: 301, continues: 311, shows: [262, 311] },
  ])("goes on after $continues when $missed were missed", async ({ missed, continues, shows }) => {
    const { room, feed, subscription } = setUp(10);
    await feed.start();
    await vi.advanceTimersByTimeAsync(60_000);
    room.head += missed;
    expect(await subscription().after()).toBe(continues);
    expect(seqs(feed)).toEqual(shows);
    feed.stop();
  });

  test("does not look how much was missed just after the last message, and goes on where it is when that fails", async () => {
    const { room, feed, subscription } = setUp(10);
    await feed.start();
    expect(await subscription().after()).toBe(10);
    await vi.advanceTimersByTimeAsync(60_000);
    subscription().onMessage(message(11));
    expect(await subscription().after()).toBe(11);
    expect(room.asked).toBe(1);
    await vi.advanceTimersByTimeAsync(60_000);
    room.away = true;
    expect(await subscription().after()).toBe(11);
    expect(room.asked).toBe(2);
    feed.stop();
  });

  test("loads nothing older after a failure until it is asked to", async () => {
    const { room, feed } = setUp(200);
    await feed.start();
    room.away = true;
    await feed.loadOlder();
    expect(feed.state.get().older).toBe("failed");
    room.away = false;
    await feed.loadOlder();
    expect(seqs(feed)).toEqual([151, 200]);
    await feed.retryOlder();
    expect(seqs(feed)).toEqual([101, 200]);
    feed.stop();
  });

  test("forgets the older part of a long conversation, and can load it again", async () => {
    const { feed, subscription } = setUp(10);
    await feed.start();
    for (const one of range(11, 501)) subscription().onMessage(one);
    await vi.advanceTimersByTimeAsync(20);
    expect(feed.state.get().atStart).toBe(true);
    feed.forgetOlder();
    expect(seqs(feed)).toEqual([302, 501]);
    await feed.loadOlder();
    expect(seqs(feed)).toEqual([252, 501]);
    feed.stop();
  });

  test("starts again after it was refused", async () => {
    const { feed, subscription } = setUp(10);
    await feed.start();
    subscription().onRefused("not_a_member");
    expect(feed.state.get().status).toBe("refused");
    await feed.start();
    expect(feed.state.get().status).toBe("ready");
    feed.stop();
  });
});
