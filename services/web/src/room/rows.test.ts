import { expect, test } from "vitest";
import type { Message } from "../api/types";
import { rowsOf } from "./rows";

let seq = 0;
function said(senderId: string, sentAt: string, type: Message["type"] = "MESSAGE"): Message {
  return { roomId: "r", seq: ++seq, type, senderId, senderName: senderId, content: "", key: "", sentAt };
}

// Local times, as days begin where the reader is.
const at = (day: number, time: string) => new Date(`2026-11-${day}T${time}`).toISOString();

test("groups by sender, separates days and leaves repeated names and times out", () => {
  const rows = rowsOf(
    [
      said("mina", at(20, "23:58:00"), "ENTER"),
      said("mina", at(20, "23:59:01")),
      said("mina", at(20, "23:59:30")),
      said("mina", at(21, "00:00:10")),
      said("jun", at(21, "00:00:20")),
      said("jun", at(21, "00:01:00")),
      said("jun", at(21, "00:09:00")),
    ],
    "jun",
    0,
  );
  const shown = rows.map((row) =>
    row.kind === "message"
      ? [row.message.senderId, row.own ? "own" : "", row.first ? "name" : "", row.last ? "time" : ""].filter(Boolean).join(" ")
      : row.kind,
  );
  expect(shown).toEqual([
    "day",
    "event",
    "mina name",
    "mina time",
    "day",
    "mina name time",
    "jun own name time",
    "jun own time",
    "jun own name time",
  ]);
});

test("shows the name again that somebody has changed", () => {
  const rows = rowsOf([said("mina", at(20, "10:00:00")), { ...said("mina", at(20, "10:00:10")), senderName: "Mina Kim" }], "jun", 0);
  expect(rows.filter((row) => row.kind === "message" && row.first)).toHaveLength(2);
});

const three = [said("mina", at(20, "10:00:00")), said("jun", at(20, "10:00:10")), said("mina", at(20, "10:00:20"))];
const [a, b, c] = three.map((message) => message.seq) as [number, number, number];

test.each([
  { what: "above the first message of others since", messages: three, mark: a, want: ["day", `${a}`, `${b}`, "new", `${c}`] },
  { what: "nowhere when nothing has come since", messages: three, mark: c, want: ["day", `${a}`, `${b}`, `${c}`] },
  { what: "nowhere when one never was here", messages: three, mark: 0, want: ["day", `${a}`, `${b}`, `${c}`] },
  { what: "nowhere until all since is loaded", messages: three.slice(1), mark: a - 1, want: ["day", `${b}`, `${c}`] },
])("the line of what is new stands $what", ({ messages, mark, want }) => {
  const rows = rowsOf(messages, "jun", mark);
  expect(rows.map(({ id, kind }) => (kind === "day" ? kind : id))).toEqual(want);
});
