import { backoff, wait } from "../lib/backoff";
import { send } from "./client";
import { NetworkError, ProblemError } from "./problem";
import { serverEvents } from "./sse";
import type { Saga } from "./types";

const resumeAttempts = 8;

/**
 * Follows a saga from the stream that `start` opens to the record that is no longer pending. A stream that is cut is taken up
 * again where it was left, on whichever replica answers. Throws ProblemError when the request was refused, and NetworkError
 * when the server could not be reached again.
 */
export async function* followSaga(start: () => Promise<Response>, signal?: AbortSignal): AsyncGenerator<Saga> {
  let last: Saga | undefined;
  let lastEventId = "";
  let failure: unknown;
  for (let attempt = 0; attempt <= resumeAttempts; attempt++) {
    try {
      const response = last ? await resume(last.id, lastEventId, signal) : await start();
      if (!response.body) throw new NetworkError("the response has no body");
      for await (const event of serverEvents(response.body)) {
        if (event.event !== "saga") continue;
        lastEventId = event.id;
        const saga = JSON.parse(event.data) as Saga;
        // After a resume the server may repeat what it had sent already.
        if (last && saga.version <= last.version) continue;
        last = saga;
        attempt = 0;
        yield saga;
        if (saga.status !== "pending") return;
      }
    } catch (error) {
      if (signal?.aborted) return;
      if (error instanceof ProblemError && error.status < 500 && error.status !== 429) throw error;
      failure = error;
    }
    // Before the first record there is no saga to come back to, and the request must not be made twice unasked.
    if (!last) throw failure ?? new NetworkError("the stream ended before its first event");
    await wait(backoff(attempt), signal);
    if (signal?.aborted) return;
  }
  throw new NetworkError(failure);
}

function resume(id: string, lastEventId: string, signal?: AbortSignal): Promise<Response> {
  return send(`/api/auth/sagas/${encodeURIComponent(id)}/events`, {
    headers: { Accept: "text/event-stream", "Last-Event-ID": lastEventId },
    signal,
    stream: true,
  });
}
