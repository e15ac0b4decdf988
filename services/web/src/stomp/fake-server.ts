// A STOMP server for tests, at the other end of fake WebSockets: it records what it is sent and does what it is told.

export interface Frame {
  command: string;
  headers: Record<string, string>;
  body: string;
}

export class FakeServer {
  readonly frames: Frame[] = [];
  readonly sockets: FakeSocket[] = [];
  /** Answers a frame; without it the server connects everybody and receipts everything. */
  onFrame: (frame: Frame, socket: FakeSocket) => void = (frame, socket) => socket.answer(frame);

  webSocket = (): WebSocket => {
    const socket = new FakeSocket(this);
    this.sockets.push(socket);
    return socket as unknown as WebSocket;
  };

  get socket(): FakeSocket {
    return this.sockets.at(-1)!;
  }

  sent(command: string): Frame[] {
    return this.frames.filter((frame) => frame.command === command);
  }
}

export class FakeSocket {
  readyState = 0;
  binaryType = "arraybuffer";
  protocol = "v12.stomp";
  url = "ws://fake/ws";
  onopen: (() => void) | null = null;
  onclose: ((event: { code: number }) => void) | null = null;
  onmessage: ((event: { data: string }) => void) | null = null;
  onerror: (() => void) | null = null;
  readonly #server: FakeServer;

  constructor(server: FakeServer) {
    this.#server = server;
    queueMicrotask(() => {
      this.readyState = 1;
      this.onopen?.();
    });
  }

  send(data: string): void {
    if (data.trim() === "") return;
    const [head = "", ...body] = data.split("\n\n");
    const [command = "", ...lines] = head.split("\n");
    const headers = Object.fromEntries(
      lines.map((line) => [line.slice(0, line.indexOf(":")), line.slice(line.indexOf(":") + 1).replaceAll("\\c", ":")]),
    );
    const frame = { command, headers, body: body.join("\n\n").slice(0, -1) };
    this.#server.frames.push(frame);
    queueMicrotask(() => this.readyState === 1 && this.#server.onFrame(frame, this));
  }

  answer(frame: Frame): void {
    if (frame.command === "CONNECT") this.push("CONNECTED", { version: "1.2", "heart-beat": "0,0" });
    const receipt = frame.headers["receipt"];
    if (receipt) this.push("RECEIPT", { "receipt-id": receipt });
  }

  push(command: string, headers: Record<string, string>, body = ""): void {
    const lines = Object.entries(headers).map(([name, value]) => `${name}:${value.replaceAll(":", "\\c")}\n`);
    this.onmessage?.({ data: `${command}\n${lines.join("")}\n${body}\0` });
  }

  refuse(code: string, receipt?: string): void {
    this.push("ERROR", { message: code, code, ...(receipt ? { "receipt-id": receipt } : {}) });
    this.close();
  }

  close(): void {
    if (this.readyState === 3) return;
    this.readyState = 3;
    queueMicrotask(() => this.onclose?.({ code: 1006 }));
  }
}
