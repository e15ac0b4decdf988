import { describe, expect, test } from "vitest";
import { serverEvents, type ServerEvent } from "./sse";

function streamOf(...chunks: string[]): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  return new ReadableStream({
    start(controller) {
      for (const chunk of chunks) controller.enqueue(encoder.encode(chunk));
      controller.close();
    },
  });
}

async function all(stream: ReadableStream<Uint8Array>): Promise<ServerEvent[]> {
  const events: ServerEvent[] = [];
  for await (const event of serverEvents(stream)) events.push(event);
  return events;
}

describe("serverEvents", () => {
  const cases: Record<string, { chunks: string[]; want: ServerEvent[] }> = {
    "reads id, event and data": {
      chunks: ["id: 1\nevent: saga\ndata: {}\n\n"],
      want: [{ id: "1", event: "saga", data: "{}" }],
    },
    "joins an event that arrives in pieces, also between CR and LF": {
      chunks: ["id: 1\r", "\nda", "ta: a", "b\r\n\r\n"],
      want: [{ id: "1", event: "message", data: "ab" }],
    },
    "joins several data lines": {
      chunks: ["data: a\ndata: b\n\n"],
      want: [{ id: "", event: "message", data: "a\nb" }],
    },
    "keeps the id for the events that follow, but not the event's name": {
      chunks: ["id: 7\nevent: saga\ndata: a\n\ndata: b\n\n"],
      want: [
        { id: "7", event: "saga", data: "a" },
        { id: "7", event: "message", data: "b" },
      ],
    },
    "ignores comments, unknown fields and events without data": {
      chunks: [": hello\nretry: 5\nevent: x\n\ndata:a\n\n"],
      want: [{ id: "", event: "message", data: "a" }],
    },
    "drops an event that the end of the stream cuts off": {
      chunks: ["data: a\n\ndata: b\n"],
      want: [{ id: "", event: "message", data: "a" }],
    },
  };
  test.each(Object.entries(cases))("%s", async (_, { chunks, want }) => {
    expect(await all(streamOf(...chunks))).toEqual(want);
  });

  test("puts a character together that was cut in two", async () => {
    const bytes = new TextEncoder().encode("data: 모임\n\n");
    const stream = new ReadableStream<Uint8Array>({
      start(controller) {
        for (const byte of bytes) controller.enqueue(Uint8Array.of(byte));
        controller.close();
      },
    });
    expect(await all(stream)).toEqual([{ id: "", event: "message", data: "모임" }]);
  });
});
