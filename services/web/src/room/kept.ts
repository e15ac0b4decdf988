import { keysWith, read, remove, write } from "../lib/storage";
import { outboxPrefix } from "../stomp/outbox";

// What a browser keeps of a user's rooms, beside what waits to be sent.
const draftPrefix = (userId: string) => `moim.draft/${userId}/`;
const seenPrefix = (userId: string) => `moim.seen/${userId}/`;

/** What is in a composer but was not sent yet. */
export function readDraft(userId: string, roomId: string): string {
  return read(draftPrefix(userId) + roomId) ?? "";
}

export function keepDraft(userId: string, roomId: string, text: string): void {
  if (text === "") remove(draftPrefix(userId) + roomId);
  else write(draftPrefix(userId) + roomId, text);
}

/** The sequence number of the last message seen in a room; 0 where that is not known. */
export function readSeen(userId: string, roomId: string): number {
  return Number(read(seenPrefix(userId) + roomId)) || 0;
}

export function keepSeen(userId: string, roomId: string, seq: number): void {
  write(seenPrefix(userId) + roomId, String(seq));
}

/** Leaves nothing of what a user wrote and read on a machine they log out of. */
export function forgetUser(userId: string): void {
  for (const prefix of [outboxPrefix(userId), draftPrefix(userId), seenPrefix(userId)]) {
    for (const key of keysWith(prefix)) remove(key);
  }
}
