import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { authorized } from "../api/client";
import { Session } from "./session";

let issued = 0;
let refreshes = 0;
let refresh: (signal: AbortSignal) => Response | Promise<Response>;

function answer(status: number, body: unknown): Response {
  return new Response(JSON.stringify(body), { status, headers: { "Content-Type": "application/json" } });
}

function grant(userId = "mina", userName = "Mina"): Response {
  const user = { userId, userName, roles: [] };
  return answer(200, { accessToken: `token-${++issued}`, expiresIn: 900, user });
}

describe("Session", () => {
  beforeEach(() => {
    issued = refreshes = 0;
    refresh = () => grant();
    vi.useFakeTimers();
    vi.stubGlobal("fetch", async (path: string, init: RequestInit) => {
      if (path === "/api/auth/sessions/refresh") {
        refreshes++;
        return refresh(init.signal!);
      }
      if (path === "/api/auth/sessions") return grant();
      const token = new Headers(init.headers).get("Authorization");
      return token === `Bearer token-${issued}` ? answer(200, { token }) : answer(401, { code: "token_expired" });
    });
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  test("takes the session up through the refresh cookie", async () => {
    const session = new Session();
    await session.restore();
    expect(session.state.get()).toMatchObject({ status: "authenticated", user: { userId: "mina" } });
  });

  test("is anonymous without one, and says nothing of an end", async () => {
    refresh = () => answer(401, { code: "refresh_invalid" });
    const session = new Session();
    await session.restore();
    expect(session.state.get()).toEqual({ status: "anonymous" });
  });

  test("does not take an unreachable server for a log-out", async () => {
    refresh = () => answer(503, {});
    const session = new Session();
    await session.restore();
    expect(session.state.get()).toEqual({ status: "unreachable" });
  });

  test("asks for a token with a new name until there is one", async () => {
    const session = new Session();
    await session.logIn("mina", "secret");
    refresh = () => grant("mina", refreshes < 3 ? "Mina" : "Minah");
    const renamed = session.renamed("Minah");
    await vi.advanceTimersByTimeAsync(60_000);
    await renamed;
    expect(refreshes).toBe(3);
    expect(session.state.get()).toMatchObject({ user: { userName: "Minah" } });
  });

  test("gives up on a new name that the server does not learn", async () => {
    const session = new Session();
    await session.logIn("mina", "secret");
    const renamed = session.renamed("Minah");
    await vi.advanceTimersByTimeAsync(60_000);
    await renamed;
    expect(refreshes).toBe(5);
  });

  test("makes one renewal for all who ask at once", async () => {
    const session = new Session();
    await session.logIn("mina", "secret");
    const renewed = await Promise.all([session.renew("token-1"), session.renew("token-1"), session.renew("token-1")]);
    expect(renewed).toEqual(["token-2", "token-2", "token-2"]);
    expect(refreshes).toBe(1);
  });

  test("answers who comes late with the token that is there already", async () => {
    const session = new Session();
    await session.logIn("mina", "secret");
    await session.renew("token-1");
    expect(await session.renew("token-1")).toBe("token-2");
    expect(refreshes).toBe(1);
  });

  test("renews before the token ends, keeps trying while the network is away, and tells who listens", async () => {
    const session = new Session();
    await session.logIn("mina", "secret");
    const heard: string[] = [];
    session.onRenewed((token) => heard.push(token));
    refresh = () => answer(503, {});
    await vi.advanceTimersByTimeAsync(841_000);
    expect(refreshes).toBe(1);
    refresh = () => grant();
    await vi.advanceTimersByTimeAsync(30_000);
    expect(heard).toEqual(["token-2"]);
  });

  test("gives an unanswered renewal up in time for the server to take the same token again", async () => {
    const session = new Session();
    await session.logIn("mina", "secret");
    refresh = (signal) => new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
    await vi.advanceTimersByTimeAsync(841_000);
    expect(refreshes).toBe(1);
    refresh = () => grant();
    await vi.advanceTimersByTimeAsync(9_000);
    expect(refreshes).toBe(2);
    expect(await session.token()).toBe("token-2");
  });

  test("ends when the refresh token does", async () => {
    const session = new Session();
    await session.logIn("mina", "secret");
    refresh = () => answer(401, { code: "refresh_invalid" });
    await expect(session.renew("token-1")).rejects.toThrow();
    expect(session.state.get()).toEqual({ status: "anonymous", reason: "ended" });
  });

  test("tries a request once more with a new token", async () => {
    const session = new Session();
    await session.logIn("mina", "secret");
    issued = 7; // The server no longer takes token-1.
    expect(await authorized(session).request("/api/chat/rooms")).toEqual({ token: "Bearer token-8" });
    expect(refreshes).toBe(1);
  });

  test("becomes somebody else's when another tab logged somebody else in", async () => {
    const session = new Session();
    await session.logIn("mina", "secret");
    refresh = () => grant("jun");
    await session.renew("token-1");
    expect(session.state.get()).toMatchObject({ user: { userId: "jun" } });
  });
});
