import { message as messages } from "../api/calls";
import type { AuthorizedClient } from "../api/client";
import { codeOf } from "../api/problem";
import type { Message } from "../api/types";
import { backoff, wait } from "../lib/backoff";
import { createStore, type Store } from "../lib/store";
import { isPassing } from "../session/session";
import type { Connection } from "../stomp/connection";
import type { Outbox } from "../stomp/outbox";
import { hasGap, insert, prepend, reachesStart, timelineOf, type Timeline } from "./timeline";

export interface FeedState {
  status: "loading" | "ready" | "failed" | "refused";
  /** Why, when failed or refused. */
  code?: string;
  timeline: Timeline;
  /** Whether everything before the first message has been loaded. */
  atStart: boolean;
  older: "idle" | "loading" | "failed";
}

const pageSize = 50;
// After more than this was missed, the newest page is shown instead of replaying everything; the rest loads on scrolling up.
const replayLimit = 300;

/**
 * A room's log as one page shows it: the newest page of history, older ones on demand, and what comes live. It repairs gaps by
 * itself and tells the outbox what has arrived.
 */
export class RoomFeed {
  readonly state: Store<FeedState>;
  /** Called with each message that came live or was caught up with, in order, once. */
  onArrival: (message: Message) => void = () => undefined;
  readonly #api: AuthorizedClient;
  readonly #connection: Connection;
  readonly #outbox: Outbox;
  readonly #roomId: string;
  readonly #userId: string;
  #stopped = new AbortController();
  #unfollow: (() => void) | undefined;
  #repairing = false;

  constructor(roomId: string, userId: string, api: AuthorizedClient, connection: Connection, outbox: Outbox) {
    this.#roomId = roomId;
    this.#userId = userId;
    this.#api = api;
    this.#connection = connection;
    this.#outbox = outbox;
    this.state = createStore<FeedState>({
      status: "loading",
      timeline: timelineOf([], 0),
      atStart: false,
      older: "idle",
    });
  }

  async start(): Promise<void> {
    this.#stopped = new AbortController();
    this.#outbox.forgetStored(this.#roomId);
    await this.#loadNewest();
  }

  stop(): void {
    this.#stopped.abort();
    this.#unfollow?.();
    this.#unfollow = undefined;
  }

  async loadOlder(): Promise<void> {
    const { status, timeline, atStart, older } = this.state.get();
    const first = timeline.messages[0];
    if (status !== "ready" || atStart || older === "loading" || !first) return;
    this.#patch({ older: "loading" });
    try {
      const page = await messages.history(this.#api, this.#roomId, { before: first.seq, limit: pageSize });
      if (this.#stopped.signal.aborted) return;
      const next = prepend(this.state.get().timeline, page.items);
      this.#patch({ timeline: next, atStart: reachesStart(next) || page.items.length === 0, older: "idle" });
      this.#settle(page.items);
    } catch {
      if (!this.#stopped.signal.aborted) this.#patch({ older: "failed" });
    }
  }

  async #loadNewest(): Promise<void> {
    const { signal } = this.#stopped;
    this.#patch({ status: "loading" });
    for (let attempt = 0; !signal.aborted; attempt++) {
      try {
        const page = await messages.history(this.#api, this.#roomId, { limit: pageSize });
        if (signal.aborted) return;
        const timeline = timelineOf(page.items, page.head);
        this.state.set({ status: "ready", timeline, atStart: reachesStart(timeline), older: "idle" });
        this.#settle(page.items);
        this.#follow();
        return;
      } catch (error) {
        if (signal.aborted) return;
        const code = codeOf(error);
        if (!isPassing(error)) return this.#patch({ status: code === "not_a_member" || code === "forbidden" ? "refused" : "failed", code });
        this.#patch({ status: "failed", code });
        await wait(backoff(attempt), signal);
      }
    }
  }

  #follow(): void {
    this.#unfollow?.();
    this.#unfollow = this.#connection.follow(this.#roomId, {
      after: () => this.state.get().timeline.last,
      onMessage: (message) => this.#arrived([message]),
      onRefused: (code) => this.#patch({ status: "refused", code }),
    });
  }

  #arrived(incoming: readonly Message[]): void {
    const { timeline } = this.state.get();
    const next = insert(timeline, incoming);
    if (next === timeline) return;
    if (hasGap(next) && next.ahead.at(-1)!.seq - next.last > replayLimit) return void this.#restart();
    this.#patch({ timeline: next });
    const joined = next.messages.slice(timeline.messages.length);
    this.#settle(joined);
    for (const message of joined) this.onArrival(message);
    if (hasGap(next)) void this.#repair();
  }

  async #repair(): Promise<void> {
    if (this.#repairing) return;
    this.#repairing = true;
    const { signal } = this.#stopped;
    try {
      for (let attempt = 0; !signal.aborted && hasGap(this.state.get().timeline); attempt++) {
        try {
          const after = this.state.get().timeline.last;
          const page = await messages.history(this.#api, this.#roomId, { after, limit: 100 });
          if (signal.aborted) return;
          this.#arrived(page.items);
          if (this.state.get().timeline.last > after) attempt = 0;
        } catch (error) {
          if (!isPassing(error)) return;
        }
        if (hasGap(this.state.get().timeline)) await wait(backoff(attempt), signal);
      }
    } finally {
      this.#repairing = false;
    }
  }

  async #restart(): Promise<void> {
    this.#unfollow?.();
    this.#unfollow = undefined;
    await this.#loadNewest();
  }

  #settle(seen: readonly Message[]): void {
    const own = seen.filter((message) => message.senderId === this.#userId && message.key);
    if (own.length > 0) this.#outbox.settle(new Set(own.map((message) => message.key)));
  }

  #patch(change: Partial<FeedState>): void {
    this.state.set({ ...this.state.get(), ...change });
  }
}
