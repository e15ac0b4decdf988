import { expect, test } from "vitest";
import { refreshed } from "./pages";

const items = (...ids: string[]) => ids.map((id) => ({ id, at: "then" }));
const now = (...ids: string[]) => ids.map((id) => ({ id, at: "now" }));
const list = (state: { items: { id: string; at: string }[] }) => state.items.map(({ id, at }) => `${id} ${at}`).join(", ");

test.each([
  {
    what: "one page is replaced as a whole",
    before: { items: items("b", "a"), cursor: undefined, status: "end" as const },
    page: { items: now("c", "b") },
    want: { list: "c now, b now", cursor: undefined, status: "end" },
  },
  {
    what: "a list that has grown beyond a page has more",
    before: { items: items("b", "a"), cursor: undefined, status: "end" as const },
    page: { items: now("c", "b"), nextCursor: "after b" },
    want: { list: "c now, b now", cursor: "after b", status: "ready" },
  },
  {
    what: "what was loaded beyond the first page stays",
    before: { items: items("d", "c", "b", "a"), cursor: "after a", status: "ready" as const },
    page: { items: now("e", "d"), nextCursor: "after d" },
    want: { list: "e now, d now, c then, b then, a then", cursor: "after a", status: "ready" },
  },
])("refreshed: $what", ({ before, page, want }) => {
  const state = refreshed(before, page);
  expect({ list: list(state), cursor: state.cursor, status: state.status }).toEqual(want);
});
