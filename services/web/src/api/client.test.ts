import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { json, send } from "./client";
import { NetworkError } from "./problem";

// A server that begins to answer after `headers` ms and has sent everything after `body` ms more.
function serve(headers: number, body: number) {
  vi.stubGlobal("fetch", async (_: string, { signal }: { signal: AbortSignal }) => {
    const after = (ms: number) =>
      new Promise<void>((resolve, reject) => {
        setTimeout(resolve, ms);
        signal.addEventListener("abort", () => reject(signal.reason));
      });
    await after(headers);
    return new Response(
      new ReadableStream({
        async start(stream) {
          try {
            await after(body);
            stream.enqueue(new TextEncoder().encode("{}"));
            stream.close();
          } catch (error) {
            stream.error(error);
          }
        },
      }),
    );
  });
}

const outcome = (request: Promise<unknown>) => request.then(() => "answered", (error: unknown) => error);

describe("send", () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
    vi.unstubAllGlobals();
  });

  test.each([
    { what: "an answer in time", headers: 10_000, body: 4_000, stream: false, want: "answered" },
    { what: "no answer", headers: 16_000, body: 0, stream: false, want: NetworkError },
    { what: "an answer that stops half-way", headers: 1_000, body: 60_000, stream: false, want: NetworkError },
    { what: "a long stream", headers: 1_000, body: 60_000, stream: true, want: "answered" },
    { what: "a stream that does not begin", headers: 16_000, body: 0, stream: true, want: NetworkError },
  ])("$what", async ({ headers, body, stream, want }) => {
    serve(headers, body);
    const got = outcome(send("/", { stream }).then(json));
    await vi.advanceTimersByTimeAsync(61_000);
    if (typeof want === "string") expect(await got).toBe(want);
    else expect(await got).toBeInstanceOf(want);
  });

  test("ends when its caller does, with the caller's reason", async () => {
    serve(10_000, 0);
    const caller = new AbortController();
    const got = outcome(send("/", { signal: caller.signal }));
    caller.abort("left");
    expect(await got).toBe("left");
  });
});
