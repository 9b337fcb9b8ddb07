import { afterEach } from "node:test";
import { type LiveOptions, LiveClient } from "../../src/index.js";
import { FakeSocket } from "./fake-socket.js";
import { FakeTime } from "./fake-time.js";

/** A client with fake sockets and a fake time. */
export class Fixture {
  readonly time = new FakeTime();
  readonly live: LiveClient;

  constructor(options: LiveOptions = {}) {
    FakeSocket.all = [];
    FakeSocket.onCreated = () => {};
    open.add(this);
    this.live = new LiveClient("ws://localhost/live", {
      WebSocket: FakeSocket as never,
      ...options,
    });
  }

  /** The newest socket. */
  get socket(): FakeSocket {
    return FakeSocket.all.at(-1)!;
  }

  get status(): string {
    return this.live.state.status;
  }

  get cause(): any {
    return (this.live.state as any).cause;
  }

  /** Opens the newest socket. */
  async opened(): Promise<FakeSocket> {
    await this.time.pass(0);
    const socket = this.socket.open();
    await this.time.pass(0);
    return socket;
  }

  pass(ms: number): Promise<void> {
    return this.time.pass(ms);
  }

  end(): void {
    this.live.close();
    this.time.restore();
  }
}

const open = new Set<Fixture>();

afterEach(() => {
  for (const fixture of open) fixture.end();
  open.clear();
});

/** The error of a promise that must reject. */
export const errorOf = (promise: Promise<unknown>): Promise<any> =>
  promise.then(
    () => {
      throw new Error("the promise has not rejected");
    },
    (error) => error,
  );
