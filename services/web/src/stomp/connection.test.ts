import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { Message } from "../api/types";
import { Connection, ConnectionLost, Refused } from "./connection";
import { FakeServer } from "./fake-server";

const longest = 31_000;

function setUp() {
  const server = new FakeServer();
  const renew = vi.fn(async () => "new-token");
  const connection = new Connection({
    url: "ws://fake/ws",
    token: async () => "token",
    renew,
    webSocket: server.webSocket,
  });
  return { server, renew, connection };
}

const settle = () => vi.advanceTimersByTimeAsync(1);
const message = (seq: number) => ({ roomId: "r1", seq, content: `${seq}` }) as Message;

describe("Connection", () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  test("connects with the token and follows a room from the last message seen", async () => {
    const { server, connection } = setUp();
    const seen: number[] = [];
    connection.follow("r1", { after: async () => 7, onMessage: ({ seq }) => seen.push(seq), onRefused: () => undefined });
    connection.start();
    await settle();
    expect(connection.state.get()).toEqual({ phase: "online" });
    expect(server.sent("CONNECT")[0]?.headers["Authorization"]).toBe("Bearer token");
    expect(server.sent("SUBSCRIBE")[0]?.headers).toMatchObject({ destination: "/sub/chat/r1", after: "7" });
    server.socket.push("MESSAGE", { subscription: "r1", "message-id": "r1:8", destination: "/sub/chat/r1" }, JSON.stringify(message(8)));
    expect(seen).toEqual([8]);
    connection.stop();
  });

  test("comes back after the connection was lost, and asks for what came meanwhile", async () => {
    const { server, connection } = setUp();
    let last = 7;
    connection.follow("r1", { after: async () => last, onMessage: () => undefined, onRefused: () => undefined });
    connection.start();
    await settle();
    last = 12;
    server.socket.close();
    await settle();
    expect(connection.state.get().phase).toBe("waiting");
    await vi.advanceTimersByTimeAsync(600);
    expect(connection.state.get().phase).toBe("online");
    expect(server.sent("SUBSCRIBE").map(({ headers }) => headers["after"])).toEqual(["7", "12"]);
    connection.stop();
  });

  test("stays lost from the moment it is until it is back, over all attempts", async () => {
    const { server, connection } = setUp();
    connection.start();
    await settle();
    const phases: string[] = [];
    connection.state.subscribe(() => phases.push(connection.state.get().phase));
    server.onFrame = (_, socket) => socket.close();
    server.socket.close();
    await vi.advanceTimersByTimeAsync(5_000);
    expect(server.sockets.length).toBeGreaterThan(2);
    expect(phases).toEqual(["waiting"]);
    server.onFrame = (frame, socket) => socket.answer(frame);
    await vi.advanceTimersByTimeAsync(longest);
    expect(phases).toEqual(["waiting", "online"]);
    connection.stop();
  });

  test("is over at once when the device loses its network, and back when it returns", async () => {
    const { server, connection } = setUp();
    connection.start();
    await settle();
    const device = { onLine: false };
    vi.stubGlobal("navigator", device);
    connection.networkLost();
    expect(connection.state.get().phase).toBe("offline");
    device.onLine = true;
    connection.retryNow();
    await settle();
    expect(connection.state.get().phase).toBe("online");
    expect(server.sockets).toHaveLength(2);
    connection.stop();
    vi.unstubAllGlobals();
  });

  test("starts once, however often it is started and stopped meanwhile", async () => {
    const { server, connection } = setUp();
    connection.start();
    connection.stop();
    connection.start();
    await settle();
    expect(server.sockets).toHaveLength(1);
    connection.stop();
  });

  test.each(["token_expired", "token_revoked", "unauthenticated"])("renews the token after %s", async (code) => {
    const { server, renew, connection } = setUp();
    server.onFrame = (frame, socket) =>
      frame.headers["Authorization"] === "Bearer token" ? socket.refuse(code) : socket.answer(frame);
    connection.start();
    await vi.advanceTimersByTimeAsync(longest);
    expect(renew).toHaveBeenCalledWith("token");
    expect(connection.state.get().phase).toBe("online");
    expect(server.sent("CONNECT").map(({ headers }) => headers["Authorization"])).toEqual(["Bearer token", "Bearer new-token"]);
    connection.stop();
  });

  test("does not ask again for a room that refused it, and keeps the others", async () => {
    const { server, connection } = setUp();
    server.onFrame = (frame, socket) =>
      frame.headers["destination"] === "/sub/chat/r1"
        ? socket.refuse("not_a_member", frame.headers["receipt"])
        : socket.answer(frame);
    const refused = vi.fn();
    connection.follow("r1", { after: async () => 0, onMessage: () => undefined, onRefused: refused });
    connection.follow("r2", { after: async () => 0, onMessage: () => undefined, onRefused: refused });
    connection.start();
    await vi.advanceTimersByTimeAsync(longest);
    expect(refused.mock.calls).toEqual([["not_a_member"]]);
    expect(connection.state.get().phase).toBe("online");
    expect(server.sent("SUBSCRIBE").at(-1)?.headers["destination"]).toBe("/sub/chat/r2");
    expect(server.sent("SUBSCRIBE").filter(({ headers }) => headers["destination"] === "/sub/chat/r1")).toHaveLength(1);
    connection.stop();
  });

  test("takes a subscription that the server ends for over, and stays connected", async () => {
    const { server, connection } = setUp();
    const refused = vi.fn();
    connection.follow("r1", { after: async () => 0, onMessage: () => expect.unreachable(), onRefused: refused });
    connection.start();
    await settle();
    const headers = { subscription: "r1", "message-id": "x", destination: "/sub/chat/r1", ended: "not_a_member" };
    server.socket.push("MESSAGE", headers, "{}");
    expect(refused.mock.calls).toEqual([["not_a_member"]]);
    expect(connection.state.get().phase).toBe("online");
    connection.stop();
  });

  test("tells a stored message from a refused one and from one whose fate is unknown", async () => {
    const { server, connection } = setUp();
    connection.start();
    await settle();
    await expect(connection.send("r1", "hello", "k1")).resolves.toBeUndefined();
    expect(server.sent("SEND")[0]).toMatchObject({
      headers: { destination: "/pub/chat/message", "idempotency-key": "k1" },
      body: JSON.stringify({ roomId: "r1", content: "hello" }),
    });

    server.onFrame = (frame, socket) => socket.refuse("validation", frame.headers["receipt"]);
    await expect(connection.send("r1", "", "k2")).rejects.toBeInstanceOf(Refused);

    server.onFrame = (frame, socket) => socket.answer(frame);
    await vi.advanceTimersByTimeAsync(longest);
    server.onFrame = (_, socket) => socket.refuse("draining");
    await expect(connection.send("r1", "hello", "k3")).rejects.toBeInstanceOf(ConnectionLost);
    connection.stop();
  });

  test("gives a connection up that answers no more", async () => {
    const { server, connection } = setUp();
    connection.start();
    await settle();
    server.onFrame = () => undefined;
    const sent = expect(connection.send("r1", "hello", "k1")).rejects.toBeInstanceOf(ConnectionLost);
    await vi.advanceTimersByTimeAsync(21_000);
    await sent;
    connection.stop();
  });

  test("hands a renewed token to the open connection", async () => {
    const { server, connection } = setUp();
    connection.start();
    await settle();
    connection.renewed("second-token");
    await settle();
    expect(server.sent("SEND")[0]?.headers).toMatchObject({
      destination: "/pub/session/renew",
      Authorization: "Bearer second-token",
    });
    connection.stop();
  });
});
