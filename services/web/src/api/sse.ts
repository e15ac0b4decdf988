/** One event of a text/event-stream. */
export interface ServerEvent {
  id: string;
  event: string;
  data: string;
}

/**
 * Reads a text/event-stream body as it arrives (the parsing rules of the HTML standard, §9.2.6). The browser's own EventSource
 * can neither POST nor set a header, which the signup stream needs. An event that the end of the stream cuts off is dropped.
 */
export async function* serverEvents(body: ReadableStream<Uint8Array>): AsyncGenerator<ServerEvent> {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  let rest = "";
  let id = "";
  let event = "";
  let data: string[] = [];
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      rest += decoder.decode(value, { stream: true });
      // A carriage return at the very end may be half of a CRLF: it waits for what follows.
      const held = rest.endsWith("\r") ? "\r" : "";
      const lines = (held ? rest.slice(0, -1) : rest).split(/\r\n|\n|\r/);
      rest = lines.pop()! + held;
      for (const line of lines) {
        if (line === "") {
          if (data.length > 0) yield { id, event: event || "message", data: data.join("\n") };
          event = "";
          data = [];
          continue;
        }
        const colon = line.indexOf(":");
        if (colon === 0) continue;
        const field = colon < 0 ? line : line.slice(0, colon);
        const text = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
        if (field === "data") data.push(text);
        else if (field === "event") event = text;
        else if (field === "id" && !text.includes("\0")) id = text;
      }
    }
  } finally {
    // Leaving the loop early (the caller has seen enough) must also end the request.
    await reader.cancel().catch(() => undefined);
  }
}
