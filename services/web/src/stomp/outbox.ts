import { createStore, type Store } from "../lib/store";
import { keysWith, read, remove, write } from "../lib/storage";
import { uuid } from "../lib/uuid";
import { ConnectionLost, Refused } from "./connection";

export interface Outgoing {
  key: string;
  roomId: string;
  content: string;
  createdAt: string;
  /** `pending` until its receipt, `stored` until it appears in the log, `failed` when the server refused it. */
  state: "pending" | "stored" | "failed";
  /** Why it was refused. */
  code?: string;
}

// A stored message that its room's log does not bring within this time is one of long ago, stored once before.
const shownWithin = 10_000;

type Send = (roomId: string, content: string, key: string) => Promise<void>;

/**
 * What a user has sent and the server has not confirmed. It is kept in localStorage, one entry per message, so that a reload
 * or a night without network loses nothing; the idempotency key of each makes sending it again harmless.
 */
export class Outbox {
  readonly entries: Store<readonly Outgoing[]>;
  readonly #prefix: string;
  readonly #send: Send;
  readonly #busy = new Set<string>();
  #open = false;

  constructor(userId: string, send: Send) {
    this.#prefix = outboxPrefix(userId);
    this.#send = send;
    this.entries = createStore<readonly Outgoing[]>(this.#kept());
  }

  add(roomId: string, content: string): Outgoing {
    const entry: Outgoing = { key: uuid(), roomId, content, createdAt: this.#now(), state: "pending" };
    this.#keep(entry);
    this.entries.set([...this.entries.get(), entry]);
    void this.#pump(roomId);
    return entry;
  }

  /** The message is in the log: nothing of it needs to be kept. */
  settle(keys: ReadonlySet<string>): void {
    const entries = this.entries.get();
    const left = entries.filter((entry) => !keys.has(entry.key));
    if (left.length === entries.length) return;
    for (const entry of entries) if (keys.has(entry.key)) this.#drop(entry);
    this.entries.set(left);
  }

  discard(key: string): void {
    this.settle(new Set([key]));
  }

  /** Tries a refused message again. */
  retry(key: string): void {
    const entry = this.entries.get().find((candidate) => candidate.key === key);
    if (entry?.state !== "failed") return;
    const { code: _, ...rest } = entry;
    this.#replace({ ...rest, state: "pending" });
    void this.#pump(entry.roomId);
  }

  /** Forgets what is stored but was never seen in a room's log here: the history that is about to be loaded has it. */
  forgetStored(roomId: string): void {
    this.entries.set(this.entries.get().filter((entry) => entry.roomId !== roomId || entry.state !== "stored"));
  }

  /** Tells whether sending makes sense; when it begins to, everything that waits is sent. */
  connected(open: boolean): void {
    this.#open = open;
    if (!open) return;
    for (const roomId of new Set(this.entries.get().map((entry) => entry.roomId))) void this.#pump(roomId);
  }

  // One message of a room after the other: a later one must not be stored before an earlier one that needs another try.
  async #pump(roomId: string): Promise<void> {
    if (this.#busy.has(roomId)) return;
    this.#busy.add(roomId);
    try {
      while (this.#open) {
        const next = this.entries.get().find((entry) => entry.roomId === roomId && entry.state === "pending");
        if (!next) return;
        try {
          await this.#send(roomId, next.content, next.key);
          this.#stored(next.key);
        } catch (error) {
          if (error instanceof ConnectionLost) return;
          if (!(error instanceof Refused)) throw error;
          this.#replace({ ...next, state: "failed", code: error.code });
        }
      }
    } finally {
      this.#busy.delete(roomId);
    }
  }

  #stored(key: string): void {
    const entry = this.entries.get().find((candidate) => candidate.key === key);
    if (!entry) return;
    this.#drop(entry);
    this.entries.set(this.entries.get().map((other) => (other === entry ? { ...entry, state: "stored" } : other)));
    this.#forgetLater(key);
  }

  #forgetLater(key: string): void {
    setTimeout(() => {
      // While the connection is away, so is the log.
      if (this.#open) this.discard(key);
      else this.#forgetLater(key);
    }, shownWithin);
  }

  #replace(entry: Outgoing): void {
    const entries = this.entries.get();
    // It may have arrived in the log meanwhile: then there is nothing left to say about it.
    if (!entries.some((other) => other.key === entry.key)) return;
    this.#keep(entry);
    this.entries.set(entries.map((other) => (other.key === entry.key ? entry : other)));
  }

  #keep(entry: Outgoing): void {
    write(this.#prefix + entry.key, JSON.stringify(entry));
  }

  #drop(entry: Outgoing): void {
    remove(this.#prefix + entry.key);
  }

  // Two messages of the same millisecond still have an order.
  #now(): string {
    const last = this.entries.get().at(-1)?.createdAt;
    return new Date(Math.max(Date.now(), last ? Date.parse(last) + 1 : 0)).toISOString();
  }

  #kept(): Outgoing[] {
    const entries: Outgoing[] = [];
    for (const key of keysWith(this.#prefix)) {
      try {
        entries.push(JSON.parse(read(key) ?? "") as Outgoing);
      } catch {
        remove(key);
      }
    }
    return entries.sort((a, b) => a.createdAt.localeCompare(b.createdAt));
  }
}

export function outboxPrefix(userId: string): string {
  return `moim.outbox/${userId}/`;
}
