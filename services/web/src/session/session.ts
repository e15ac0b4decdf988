import { json, send, type TokenSource } from "../api/client";
import { NetworkError, ProblemError } from "../api/problem";
import type { SessionGrant, User } from "../api/types";
import { backoff, wait } from "../lib/backoff";
import { createStore, type Store } from "../lib/store";

/**
 * Who is logged in. `unknown` is the moment between loading the page and the first answer about the refresh cookie;
 * `unreachable` says that this answer could not be had.
 */
export type SessionState =
  | { status: "unknown" }
  | { status: "unreachable" }
  | { status: "anonymous"; reason?: "ended" }
  | { status: "authenticated"; user: User };

/** Renew this long before the token ends, so that no request is made with one that ends on the way. */
const renewBefore = 60_000;
// A refresh token whose answer was lost is taken once more for 10 s: by then the next attempt must have been made.
const renewWithin = 6_000;
const renameAttempts = 5;
const renewLock = "moim.session.renew";

/**
 * The session of this tab. The access token lives in this object and nowhere else; what survives a reload is the refresh cookie,
 * which no script can read.
 */
export class Session implements TokenSource {
  readonly state: Store<SessionState> = createStore<SessionState>({ status: "unknown" });
  #token = "";
  #expiresAt = 0;
  #renewing: Promise<string> | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #renewed = new Set<(token: string) => void>();

  /** Takes the session up again after the page was loaded. */
  async restore(): Promise<void> {
    try {
      await this.renew(this.#token);
    } catch (error) {
      if (this.state.get().status === "unknown" && !isEnd(error)) this.state.set({ status: "unreachable" });
    }
  }

  async logIn(userId: string, password: string): Promise<void> {
    const body = { userId, password };
    this.#accept(await json<SessionGrant>(await send("/api/auth/sessions", { method: "POST", body })));
  }

  /** Forgets the session in this tab; `reason` tells the login page why. */
  end(reason?: "ended"): void {
    clearTimeout(this.#timer);
    this.#token = "";
    this.#expiresAt = 0;
    this.state.set(reason ? { status: "anonymous", reason } : { status: "anonymous" });
  }

  async token(): Promise<string> {
    if (this.#token && Date.now() < this.#expiresAt - renewBefore / 2) return this.#token;
    return this.renew(this.#token);
  }

  /** One renewal at a time: all who ask while one is under way get its outcome. */
  renew(stale: string): Promise<string> {
    if (this.#token && this.#token !== stale) return Promise.resolve(this.#token);
    this.#renewing ??= this.#exchange().finally(() => {
      this.#renewing = undefined;
    });
    return this.#renewing;
  }

  /**
   * Gets a token with the new name, which stands beside what is written from then on. The server knows it a moment after the profile
   * was changed; if it does not within some seconds, the next silent renewal brings it.
   */
  async renamed(userName: string): Promise<void> {
    for (let attempt = 0; attempt < renameAttempts; attempt++) {
      const state = this.state.get();
      if (state.status !== "authenticated" || state.user.userName === userName) return;
      await wait(backoff(attempt));
      await this.renew(this.#token).catch(() => undefined);
    }
  }

  /** Calls back with each new token of the session. */
  onRenewed(listener: (token: string) => void): () => void {
    this.#renewed.add(listener);
    return () => this.#renewed.delete(listener);
  }

  async #exchange(): Promise<string> {
    try {
      // A reload in the middle must not lose the cookie that the answer brings: the old one is used up.
      const grant = await acrossTabs(async () =>
        json<SessionGrant>(await send("/api/auth/sessions/refresh", { method: "POST", keepalive: true, within: renewWithin })),
      );
      this.#accept(grant);
      return grant.accessToken;
    } catch (error) {
      if (isEnd(error)) this.end(this.state.get().status === "authenticated" ? "ended" : undefined);
      throw error;
    }
  }

  #accept(grant: SessionGrant): void {
    this.#token = grant.accessToken;
    this.#expiresAt = Date.now() + grant.expiresIn * 1000;
    const state = this.state.get();
    // The same person keeps the same state, so that nothing is drawn anew; another tab may have logged somebody else in.
    const same = state.status === "authenticated" && state.user.userId === grant.user.userId && state.user.userName === grant.user.userName;
    if (!same) {
      this.state.set({ status: "authenticated", user: grant.user });
    }
    for (const listener of this.#renewed) listener(grant.accessToken);
    this.#schedule(Math.max(this.#expiresAt - Date.now() - renewBefore, 1_000));
  }

  #schedule(delay: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#renewSilently(), delay);
  }

  async #renewSilently(): Promise<void> {
    for (let attempt = 0; this.state.get().status === "authenticated"; attempt++) {
      try {
        await this.renew(this.#token);
        return;
      } catch (error) {
        if (isEnd(error)) return;
        await wait(backoff(attempt + 2));
      }
    }
  }
}

/** Tabs share the cookie, and a refresh token used twice ends the session: so one tab after the other. */
async function acrossTabs<T>(work: () => Promise<T>): Promise<T> {
  if (typeof navigator === "undefined" || !navigator.locks) return work();
  return (await navigator.locks.request(renewLock, work)) as T;
}

function isEnd(error: unknown): boolean {
  return error instanceof ProblemError && error.status === 401;
}

/** Whether the failure is the network's and may pass by itself. */
export function isPassing(error: unknown): boolean {
  return error instanceof NetworkError || (error instanceof ProblemError && (error.status >= 500 || error.status === 429));
}
