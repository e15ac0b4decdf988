import { Client, type IFrame, type IMessage } from "@stomp/stompjs";
import type { Message } from "../api/types";
import { backoff } from "../lib/backoff";
import { createStore, type Store } from "../lib/store";
import { uuid } from "../lib/uuid";

export interface ConnectionState {
  /**
   * `connecting` for the first time; once an attempt has failed or the connection was lost it is `waiting`, also while it is being
   * tried again, until it is `online`; `offline` where the device itself says that it has no network.
   */
  phase: "idle" | "connecting" | "online" | "waiting" | "offline";
}

/** The server refused a frame, for good: sending it again will not help. */
export class Refused extends Error {
  readonly code: string;
  constructor(code: string, detail: string) {
    super(detail);
    this.name = "Refused";
    this.code = code;
  }
}

/** The connection ended before the receipt came; whether the server has the message is not known. */
export class ConnectionLost extends Error {
  override name = "ConnectionLost";
}

export interface RoomSubscription {
  /** The sequence number to go on after; asked at each (re)connection. */
  after(): Promise<number>;
  onMessage(message: Message): void;
  /** The server does not let us in; the subscription is over. */
  onRefused(code: string): void;
}

export interface ConnectionOptions {
  url: string;
  token(): Promise<string>;
  renew(stale: string): Promise<string>;
  webSocket?: (url: string, protocols: string[]) => WebSocket;
}

const tokenCodes = new Set(["unauthenticated", "token_expired", "token_revoked"]);
// Codes that are about the state of the server or the connection, not about the frame: what was sent may be sent again.
const passingCodes = new Set(["rate_limited", "slow_consumer", "unavailable", "draining", "internal", ...tokenCodes]);
const subscribeReceipt = "subscribe:";
const receiptTimeout = 20_000;
const stableAfter = 10_000;

interface Awaited {
  resolve(): void;
  reject(error: Error): void;
}

/**
 * The STOMP connection of a session. It comes back by itself, after a random delay that grows, subscribes again from the last
 * message seen, and renews its token; it stops when told to or when the session has ended.
 */
export class Connection {
  readonly state: Store<ConnectionState> = createStore<ConnectionState>({ phase: "idle" });
  readonly #options: ConnectionOptions;
  readonly #rooms = new Map<string, RoomSubscription>();
  readonly #awaited = new Map<string, Awaited>();
  #client: Client | undefined;
  #token = "";
  #errorCode = "";
  #attempt = 0;
  #running = false;
  #openedAt = 0;
  // Counts attempts, so that one which was overtaken while it waited for a token gives up.
  #opening = 0;
  #retry: ReturnType<typeof setTimeout> | undefined;

  constructor(options: ConnectionOptions) {
    this.#options = options;
  }

  start(): void {
    if (this.#running) return;
    this.#running = true;
    void this.#open();
  }

  stop(): void {
    this.#running = false;
    this.#opening++;
    this.#stopWaiting();
    const client = this.#client;
    this.#client = undefined;
    void client?.deactivate();
    this.#loseAwaited();
    this.state.set({ phase: "idle" });
  }

  /** Tries at once instead of waiting on: the network is back, or somebody asks. */
  retryNow(): void {
    if (this.#retry !== undefined) void this.#open();
  }

  /** The device has no network any more: the connection is over, however long its silence would take to prove it. */
  networkLost(): void {
    if (this.#retry !== undefined) this.#lost();
    this.#client?.forceDisconnect();
  }

  /** Follows a room until the returned function is called, over as many connections as it takes. */
  follow(roomId: string, subscription: RoomSubscription): () => void {
    this.#rooms.set(roomId, subscription);
    if (this.#online) void this.#subscribe(roomId, subscription);
    return () => {
      if (this.#rooms.get(roomId) !== subscription) return;
      this.#rooms.delete(roomId);
      if (this.#online) this.#client?.unsubscribe(roomId);
    };
  }

  /** Resolves when the message is stored. Rejects with Refused, or with ConnectionLost when that is not known. */
  send(roomId: string, content: string, key: string): Promise<void> {
    const client = this.#client;
    if (!client || !this.#online) return Promise.reject(new ConnectionLost());
    const receipt = `send:${key}`;
    return new Promise<void>((resolve, reject) => {
      // No receipt for this long means a connection that only looks alive.
      const timer = setTimeout(() => client.forceDisconnect(), receiptTimeout);
      this.#awaited.set(receipt, {
        resolve: () => (clearTimeout(timer), resolve()),
        reject: (error) => (clearTimeout(timer), reject(error)),
      });
      client.watchForReceipt(receipt, () => this.#settle(receipt));
      client.publish({
        destination: "/pub/chat/message",
        headers: { "content-type": "application/json", "idempotency-key": key, receipt },
        body: JSON.stringify({ roomId, content }),
      });
    });
  }

  /** Lets the open connection go on with the session's new token. */
  renewed(token: string): void {
    if (!this.#online || token === this.#token) return;
    this.#token = token;
    this.#client?.publish({ destination: "/pub/session/renew", headers: { Authorization: `Bearer ${token}` } });
  }

  get #online(): boolean {
    return this.state.get().phase === "online";
  }

  async #open(): Promise<void> {
    const opening = ++this.#opening;
    this.#stopWaiting();
    if (this.state.get().phase === "idle") this.state.set({ phase: "connecting" });
    try {
      // A token that the server refused is not tried again.
      this.#token = tokenCodes.has(this.#errorCode)
        ? await this.#options.renew(this.#token)
        : await this.#options.token();
    } catch {
      // Where the session has ended, its owner stops us; everything else passes.
      if (opening === this.#opening) this.#waitAndRetry();
      return;
    }
    if (opening !== this.#opening) return;
    this.#errorCode = "";
    const { url, webSocket } = this.#options;
    const client: Client = new Client({
      brokerURL: url,
      connectHeaders: { Authorization: `Bearer ${this.#token}` },
      // The waiting is ours: stompjs has no random delay.
      reconnectDelay: 0,
      connectionTimeout: 10_000,
      // Browsers slow the timers of hidden pages to one a minute; the server cuts off after twice what is promised.
      heartbeatOutgoing: 40_000,
      heartbeatIncoming: 15_000,
      // A dead network may hold back the close event for minutes.
      discardWebsocketOnCommFailure: true,
      onConnect: () => this.#client === client && this.#opened(),
      onStompError: (frame) => this.#client === client && this.#failed(frame),
      onWebSocketClose: () => this.#client === client && this.#closed(),
    });
    if (webSocket) client.webSocketFactory = () => webSocket(url, ["v12.stomp", "v11.stomp", "v10.stomp"]);
    this.#client = client;
    client.activate();
  }

  #opened(): void {
    this.#openedAt = Date.now();
    this.state.set({ phase: "online" });
    for (const [roomId, subscription] of this.#rooms) void this.#subscribe(roomId, subscription);
  }

  async #subscribe(roomId: string, subscription: RoomSubscription): Promise<void> {
    const client = this.#client;
    const after = await subscription.after();
    if (!client || this.#client !== client || this.#rooms.get(roomId) !== subscription) return;
    const receipt = subscribeReceipt + roomId + ":" + uuid();
    // A refusal closes the whole connection, so it must be known whose it was, and not be asked for again.
    this.#awaited.set(receipt, {
      resolve: () => undefined,
      reject: (error) => {
        if (!(error instanceof Refused)) return;
        if (this.#rooms.get(roomId) === subscription) this.#rooms.delete(roomId);
        subscription.onRefused(error.code);
      },
    });
    client.watchForReceipt(receipt, () => this.#settle(receipt));
    client.subscribe(
      `/sub/chat/${roomId}`,
      (frame: IMessage) => {
        if (this.#rooms.get(roomId) !== subscription) return;
        const ended = frame.headers["ended"];
        if (!ended) return subscription.onMessage(JSON.parse(frame.body) as Message);
        // The server ended this subscription alone: its member has left the room.
        this.#rooms.delete(roomId);
        subscription.onRefused(ended);
      },
      { id: roomId, after: String(after), receipt },
    );
  }

  #settle(receipt: string): void {
    const awaited = this.#awaited.get(receipt);
    this.#awaited.delete(receipt);
    awaited?.resolve();
  }

  #failed(frame: IFrame): void {
    this.#errorCode = frame.headers["code"] ?? "";
    if (this.#errorCode === "" || passingCodes.has(this.#errorCode)) return;
    const refused = new Refused(this.#errorCode, frame.headers["message"] ?? "");
    const receipt = frame.headers["receipt-id"];
    // An ERROR that names no receipt can only be about a subscription: every message asks for one.
    const concerned = receipt ? [receipt] : [...this.#awaited.keys()].filter((key) => key.startsWith(subscribeReceipt));
    for (const key of concerned) {
      const awaited = this.#awaited.get(key);
      this.#awaited.delete(key);
      awaited?.reject(refused);
    }
  }

  #closed(): void {
    const wasOnline = this.#online;
    const client = this.#client;
    this.#client = undefined;
    void client?.deactivate();
    this.#loseAwaited();
    if (!this.#running) return;
    // Only a connection that held for a while proves that the trouble is over.
    if (wasOnline && Date.now() - this.#openedAt > stableAfter) this.#attempt = 0;
    if (this.#errorCode === "rate_limited") this.#attempt = Math.max(this.#attempt, 3);
    this.#waitAndRetry();
  }

  #waitAndRetry(): void {
    this.#lost();
    this.#retry = setTimeout(() => void this.#open(), backoff(this.#attempt++));
  }

  #stopWaiting(): void {
    clearTimeout(this.#retry);
    this.#retry = undefined;
  }

  #lost(): void {
    const offline = typeof navigator !== "undefined" && navigator.onLine === false;
    const phase = offline ? "offline" : "waiting";
    if (this.state.get().phase !== phase) this.state.set({ phase });
  }

  #loseAwaited(): void {
    const lost = [...this.#awaited.values()];
    this.#awaited.clear();
    for (const awaited of lost) awaited.reject(new ConnectionLost());
  }
}
