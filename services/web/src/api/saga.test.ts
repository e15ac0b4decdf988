import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { ProblemError } from "./problem";
import { followSaga } from "./saga";
import type { Saga, ServiceStatus } from "./types";

function record(version: number, status: Saga["status"], chat: ServiceStatus = "pending"): Saga {
  return {
    id: "s1",
    kind: "signup",
    userId: "mina",
    userName: "Mina",
    status,
    version,
    deadline: "",
    services: { auth: "success", chat },
  };
}

function stream(...records: Saga[]): Response {
  const text = records.map((saga) => `id: ${saga.version}\nevent: saga\ndata: ${JSON.stringify(saga)}\n\n`).join("");
  return new Response(text, { headers: { "Content-Type": "text/event-stream" } });
}

async function collect(sagas: AsyncGenerator<Saga>): Promise<number[]> {
  const versions: number[] = [];
  for await (const saga of sagas) versions.push(saga.version);
  return versions;
}

describe("followSaga", () => {
  beforeEach(() => {
    vi.useFakeTimers({ shouldAdvanceTime: true, advanceTimeDelta: 100 });
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  test("ends with the record that is no longer pending", async () => {
    const start = async () => stream(record(1, "pending"), record(2, "complete", "success"));
    expect(await collect(followSaga(start))).toEqual([1, 2]);
  });

  test("takes a cut stream up again after the last event, and shows nothing twice", async () => {
    const requests: { path: string; after: string | null }[] = [];
    vi.stubGlobal("fetch", async (path: string, init: RequestInit) => {
      requests.push({ path, after: new Headers(init.headers).get("Last-Event-ID") });
      if (requests.length === 1) throw new TypeError("network");
      return stream(record(1, "pending"), record(2, "pending", "success"), record(3, "complete", "success"));
    });
    expect(await collect(followSaga(async () => stream(record(1, "pending"))))).toEqual([1, 2, 3]);
    const resumed = { path: "/api/auth/sagas/s1/events", after: "1" };
    expect(requests).toEqual([resumed, resumed]);
  });

  test("does not make the request again when it was cut before the first record", async () => {
    const start = vi.fn(async () => stream());
    await expect(collect(followSaga(start))).rejects.toThrow("no answer");
    expect(start).toHaveBeenCalledOnce();
  });

  test("passes a refusal on", async () => {
    const refusal = new ProblemError({ title: "Unprocessable", status: 422, code: "validation" });
    await expect(collect(followSaga(() => Promise.reject(refusal)))).rejects.toBe(refusal);
  });
});
