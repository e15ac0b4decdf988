import { beforeEach, describe, expect, test, vi } from "vitest";
import { ConnectionLost, Refused } from "./connection";
import { Outbox } from "./outbox";

function memoryStorage(): Storage {
  const map = new Map<string, string>();
  return {
    get length() {
      return map.size;
    },
    key: (i) => [...map.keys()][i] ?? null,
    getItem: (key) => map.get(key) ?? null,
    setItem: (key, value) => void map.set(key, value),
    removeItem: (key) => void map.delete(key),
    clear: () => map.clear(),
  };
}

const done = () => new Promise((resolve) => setTimeout(resolve));
const states = (outbox: Outbox) => outbox.entries.get().map(({ content, state }) => `${content} ${state}`);

describe("Outbox", () => {
  beforeEach(() => {
    vi.stubGlobal("localStorage", memoryStorage());
  });

  test("sends what was written offline once connected, in order, one after the other", async () => {
    const sent: string[] = [];
    let atOnce = 0;
    const outbox = new Outbox("mina", async (_, content) => {
      expect(++atOnce).toBe(1);
      sent.push(content);
      await done();
      atOnce--;
    });
    for (const content of ["a", "b", "c"]) outbox.add("r1", content);
    await done();
    expect(sent).toEqual([]);
    outbox.connected(true);
    await vi.waitFor(() => expect(states(outbox)).toEqual(["a stored", "b stored", "c stored"]));
    expect(sent).toEqual(["a", "b", "c"]);
  });

  test("keeps what is not stored over a reload, in order, with the same keys, for this user alone", async () => {
    const before = new Outbox("mina", () => Promise.reject(new ConnectionLost()));
    const keys = ["a", "b", "c"].map((content) => before.add("r1", content).key);
    before.connected(true);
    await done();

    const sent: string[] = [];
    const after = new Outbox("mina", async (_, __, key) => void sent.push(key));
    after.connected(true);
    await vi.waitFor(() => expect(sent).toEqual(keys));
    expect(new Outbox("mina", async () => undefined).entries.get()).toEqual([]);
    expect(new Outbox("jun", async () => undefined).entries.get()).toEqual([]);
  });

  test("sends again with the same key when the receipt was lost", async () => {
    const keys: string[] = [];
    const outbox = new Outbox("mina", async (_, __, key) => {
      keys.push(key);
      if (keys.length === 1) throw new ConnectionLost();
    });
    outbox.connected(true);
    outbox.add("r1", "a");
    await done();
    outbox.connected(false);
    outbox.connected(true);
    await vi.waitFor(() => expect(states(outbox)).toEqual(["a stored"]));
    expect(keys[0]).toBe(keys[1]);
  });

  test("does not send what arrived in the log meanwhile", async () => {
    const send = vi.fn(async () => undefined);
    const outbox = new Outbox("mina", send);
    const { key } = outbox.add("r1", "a");
    outbox.settle(new Set([key]));
    outbox.connected(true);
    await done();
    expect(send).not.toHaveBeenCalled();
    expect(outbox.entries.get()).toEqual([]);
  });

  test("forgets a stored message that the log does not bring, but not while the log is away", async () => {
    vi.useFakeTimers();
    const outbox = new Outbox("mina", async () => undefined);
    outbox.connected(true);
    outbox.add("r1", "a");
    await vi.advanceTimersByTimeAsync(9_000);
    expect(states(outbox)).toEqual(["a stored"]);
    outbox.connected(false);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(states(outbox)).toEqual(["a stored"]);
    outbox.connected(true);
    await vi.advanceTimersByTimeAsync(10_000);
    expect(states(outbox)).toEqual([]);
    vi.useRealTimers();
  });

  test("goes on after a refused message, which waits for a person", async () => {
    const send = vi.fn(async (_: string, content: string) => {
      if (content === "bad") throw new Refused("validation", "");
    });
    const outbox = new Outbox("mina", send);
    const { key } = outbox.add("r1", "bad");
    outbox.add("r1", "good");
    outbox.connected(true);
    await vi.waitFor(() => expect(states(outbox)).toEqual(["bad failed", "good stored"]));

    send.mockResolvedValue(undefined);
    outbox.retry(key);
    await vi.waitFor(() => expect(states(outbox)).toEqual(["bad stored", "good stored"]));
  });

  test("works for this page where nothing can be stored", async () => {
    vi.stubGlobal("localStorage", {
      ...memoryStorage(),
      setItem: () => {
        throw new DOMException("full", "QuotaExceededError");
      },
    });
    const send = vi.fn(async () => undefined);
    const outbox = new Outbox("mina", send);
    outbox.connected(true);
    outbox.add("r1", "a");
    await vi.waitFor(() => expect(states(outbox)).toEqual(["a stored"]));
  });
});
