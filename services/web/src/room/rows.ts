import type { Message } from "../api/types";
import type { I18n } from "../i18n";

/** What a room's page shows, row by row. */
export type Row =
  | { kind: "day"; id: string; at: string }
  | { kind: "event"; id: string; message: Message }
  /** Above what has come since one left off. */
  | { kind: "new"; id: string }
  | {
      kind: "message";
      id: string;
      message: Message;
      own: boolean;
      /** Shows who it is from; the ones that follow closely do not repeat it. */
      first: boolean;
      /** Shows when it was sent; those before it in the same minute do not. */
      last: boolean;
    };

/** Who a message is from; a name may be missing where its account is gone. */
export function nameOf(message: Message): string {
  return message.senderName || message.senderId;
}

/** Who came or went, in words. */
export function eventText(message: Message, t: I18n["t"]): string {
  return t(message.type === "ENTER" ? "chat.entered" : "chat.left", { name: nameOf(message) });
}

const groupFor = 5 * 60_000;

/**
 * Groups what one person said in a row, and puts a separator where a new day begins (in the browser's time zone) and where one
 * left off, after `mark` (0: nowhere).
 */
export function rowsOf(messages: readonly Message[], userId: string, mark: number): Row[] {
  const rows: Row[] = [];
  const firstNew = firstSince(messages, userId, mark);
  let day = "";
  for (const [i, message] of messages.entries()) {
    const today = new Date(message.sentAt).toDateString();
    if (today !== day) {
      rows.push({ kind: "day", id: `day-${message.seq}`, at: message.sentAt });
      day = today;
    }
    if (message === firstNew) rows.push({ kind: "new", id: "new" });
    const id = String(message.seq);
    if (message.type !== "MESSAGE") {
      rows.push({ kind: "event", id, message });
      continue;
    }
    const next = messages[i + 1];
    rows.push({
      kind: "message",
      id,
      message,
      own: message.senderId === userId,
      first: message === firstNew || !joins(messages[i - 1], message),
      last: !next || !joins(message, next) || minuteOf(next) !== minuteOf(message),
    });
  }
  return rows;
}

// Where not all since then is loaded, the first of it is not known.
function firstSince(messages: readonly Message[], userId: string, mark: number): Message | undefined {
  if (mark === 0 || (messages[0]?.seq ?? 0) > mark + 1) return undefined;
  return messages.find(({ seq, senderId, type }) => seq > mark && senderId !== userId && type === "MESSAGE");
}

function joins(before: Message | undefined, after: Message): boolean {
  return (
    before?.type === "MESSAGE" &&
    after.type === "MESSAGE" &&
    before.senderId === after.senderId &&
    before.senderName === after.senderName &&
    Date.parse(after.sentAt) - Date.parse(before.sentAt) < groupFor &&
    new Date(before.sentAt).toDateString() === new Date(after.sentAt).toDateString()
  );
}

function minuteOf(message: Message): number {
  return Math.floor(Date.parse(message.sentAt) / 60_000);
}
