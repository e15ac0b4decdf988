import { message as messages } from "../api/calls";
import type { AuthorizedClient } from "../api/client";
import { codeOf } from "../api/problem";
import type { Message } from "../api/types";
import { backoff, wait } from "../lib/backoff";
import { createStore, type Store } from "../lib/store";
import { isPassing } from "../session/session";
import type { Connection } from "../stomp/connection";
import type { Outbox } from "../stomp/outbox";
import { hasGap, insert, newest, prepend, reachesStart, timelineOf, type Timeline } from "./timeline";

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
// A conversation longer than the one is cut to the other where nobody reads the older part.
const longest = 500;
const kept = 200;
// What arrives within a moment is drawn together. A timer and not a frame: hidden pages have no frames.
const moment = 16;
// Since the log was up to date so lately, little can have been missed.
const freshFor = 10_000;

/**
 * A room's log as one page shows it: the newest page of history, older ones on demand, and what comes live. It repairs gaps by
 * itself and tells the outbox what has arrived.
 */
export class RoomFeed {
  readonly state: Store<FeedState>;
  /** Called with the messages that came live or were caught up with, in order, each once. */
  onArrivals: (messages: readonly Message[]) => void = () => undefined;
  /** Called with each page that the conversation begins with anew. */
  onPage: (messages: readonly Message[]) => void = () => undefined;
  readonly #api: AuthorizedClient;
  readonly #connection: Connection;
  readonly #outbox: Outbox;
  readonly #roomId: string;
  readonly #userId: string;
  #stopped = new AbortController();
  #unfollow: (() => void) | undefined;
  #repairing = false;
  #incoming: Message[] = [];
  #drawing: ReturnType<typeof setTimeout> | undefined;
  #freshAt = 0;

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

  /** Also starts again what was refused or has failed. */
  async start(): Promise<void> {
    this.stop();
    this.#stopped = new AbortController();
    this.#outbox.forgetStored(this.#roomId);
    await this.#loadNewest();
  }

  stop(): void {
    this.#stopped.abort();
    this.#unfollow?.();
    this.#unfollow = undefined;
    clearTimeout(this.#drawing);
    this.#drawing = undefined;
    this.#incoming = [];
  }

  async loadOlder(): Promise<void> {
    const { status, timeline, atStart, older } = this.state.get();
    const first = timeline.messages[0];
    if (status !== "ready" || atStart || older !== "idle" || !first) return;
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

  /** After a failure nothing older is loaded until somebody asks for it. */
  async retryOlder(): Promise<void> {
    if (this.state.get().older !== "failed") return;
    this.#patch({ older: "idle" });
    await this.loadOlder();
  }

  /** Forgets the older part of a long conversation, to be called where it is not being read; scrolling up loads it again. */
  forgetOlder(): void {
    const { timeline, older } = this.state.get();
    if (older === "loading" || timeline.messages.length <= longest) return;
    this.#patch({ timeline: newest(timeline, kept), atStart: false });
  }

  async #loadNewest(): Promise<void> {
    const { signal } = this.#stopped;
    this.#patch({ status: "loading" });
    for (let attempt = 0; !signal.aborted; attempt++) {
      try {
        await this.#takeNewest(signal);
        if (!signal.aborted) this.#follow();
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

  async #takeNewest(signal: AbortSignal): Promise<void> {
    const page = await messages.history(this.#api, this.#roomId, { limit: pageSize });
    if (signal.aborted) return;
    const timeline = timelineOf(page.items, page.head);
    this.state.set({ status: "ready", timeline, atStart: reachesStart(timeline), older: "idle" });
    this.#freshAt = Date.now();
    this.#settle(page.items);
    this.onPage(page.items);
  }

  #follow(): void {
    this.#unfollow?.();
    this.#unfollow = this.#connection.follow(this.#roomId, {
      after: () => this.#continueFrom(),
      onMessage: (message) => this.#collect(message),
      onRefused: (code) => this.#patch({ status: "refused", code }),
    });
  }

  /** Where a new connection goes on: after the last message seen, unless that is too long ago. */
  async #continueFrom(): Promise<number> {
    this.#draw();
    const { signal } = this.#stopped;
    const { last } = this.state.get().timeline;
    if (Date.now() - this.#freshAt < freshFor) return last;
    try {
      const { head } = await messages.history(this.#api, this.#roomId, { after: last, limit: 1 });
      if (head - last > replayLimit) await this.#takeNewest(signal);
    } catch {
      // What is wrong, the subscription will be told too; what is missed comes one by one.
    }
    return this.state.get().timeline.last;
  }

  #collect(message: Message): void {
    this.#freshAt = Date.now();
    this.#incoming.push(message);
    this.#drawing ??= setTimeout(() => this.#draw(), moment);
  }

  #draw(): void {
    clearTimeout(this.#drawing);
    this.#drawing = undefined;
    const incoming = this.#incoming;
    this.#incoming = [];
    this.#arrived(incoming);
  }

  #arrived(incoming: readonly Message[]): void {
    const { timeline } = this.state.get();
    const next = insert(timeline, incoming);
    if (next === timeline) return;
    if (hasGap(next) && next.ahead.at(-1)!.seq - next.last > replayLimit) return void this.#restart();
    this.#patch({ timeline: next });
    const joined = next.messages.slice(timeline.messages.length);
    this.#settle(joined);
    if (joined.length > 0) this.onArrivals(joined);
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
