import type { Message } from "../../src/codec/message.js";

/** A WebSocket whose server is the test. */
export class FakeSocket {
  static all: FakeSocket[] = [];
  /** Called for each new socket. */
  static onCreated: (socket: FakeSocket) => void = () => {};

  readyState = 0;
  bufferedAmount = 0;
  protocol = "";
  binaryType = "";
  /** The messages that the client has sent, in order. */
  readonly sent: any[] = [];
  /** The close code of the client. */
  closedWith: number | undefined;
  onopen: (() => void) | null = null;
  onmessage: ((event: { data: unknown }) => void) | null = null;
  onclose: ((event: { code: number; reason: string }) => void) | null = null;
  onerror: (() => void) | null = null;
  /** Called for each message of the client. */
  onSent: (message: any) => void = () => {};

  constructor(
    readonly url: string,
    readonly protocols: string[],
  ) {
    FakeSocket.all.push(this);
    FakeSocket.onCreated(this);
  }

  send(frame: string): void {
    if (this.readyState != 1) throw new Error("the socket is not open");
    const message = JSON.parse(frame);
    this.sent.push(message);
    this.onSent(message);
  }

  close(code = 1005): void {
    if (this.readyState < 2) this.closedWith = code;
    this.readyState = 3;
  }

  /** The server accepts the upgrade. */
  open(protocol = this.protocols[0]!): this {
    this.readyState = 1;
    this.protocol = protocol;
    this.onopen?.();
    return this;
  }

  /** The server sends `message`. */
  push(message: Message | string): void {
    this.onmessage?.({ data: typeof message == "string" ? message : JSON.stringify(message) });
  }

  /** The connection ends. */
  cut(code = 1006, reason = ""): void {
    this.readyState = 3;
    this.onclose?.({ code, reason });
  }

  /** The messages of `type` that the client has sent. */
  sentOf(type: string): any[] {
    return this.sent.filter((message) => message.type == type);
  }

  /** Answers the newest message of `type`. */
  answer(type: string, reply: Partial<Message> = {}): void {
    const { topic, ref } = this.sentOf(type).at(-1);
    this.push({ type: "ack", topic, ref, ...reply });
  }
}
