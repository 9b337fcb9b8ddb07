import assert from "node:assert/strict";
import { test } from "node:test";
import { type ConnectionState, LiveClient, bearer, exponentialBackoff, probeUpgrade } from "../src/index.js";
import { FakeSocket } from "./support/fake-socket.js";
import { Fixture } from "./support/fixture.js";

const goodbye = (code: number, window: unknown): string =>
  JSON.stringify({ type: "goodbye", data: { code, reason: "deploy", reconnectInMs: window } });

test("a client connects at once and reports its states to all observers", async () => {
  const f = new Fixture();
  const seen: string[] = [];
  const events: string[] = [];
  const stop = f.live.subscribe((state) => seen.push(state.status));
  f.live.addEventListener("state", (event) => events.push((event as CustomEvent<ConnectionState>).detail.status));
  await f.pass(0);

  assert.equal(f.socket.url, "ws://localhost/live");
  assert.deepEqual(f.socket.protocols, ["live.v1.json"]);
  assert.equal(f.status, "connecting");
  await f.opened();
  f.socket.cut();
  await f.pass(0);
  assert.deepEqual(seen, ["connected", "waiting"]);
  stop();
  f.live.close();
  assert.deepEqual(seen, ["connected", "waiting"]);
  assert.deepEqual(events, ["connected", "waiting", "closed"]);
});

test("after a lost connection the maxima of the delays grow by 1.35 up to 30 s", async () => {
  const f = new Fixture();
  f.time.random = () => 0.999999;
  await f.pass(0);
  const delays: number[] = [];
  for (let attempt = 0; attempt < 20; attempt++) {
    f.socket.cut();
    await f.pass(0);
    assert.equal(f.cause.kind, "unreachable");
    delays.push((f.live.state as any).delayMs);
    await f.pass(delays.at(-1)!);
  }

  delays.forEach((delay, n) => assert.ok(Math.abs(delay - Math.min(30_000, 250 * 1.35 ** n)) < 1));
});

test("the delay is random from zero on", async () => {
  const f = new Fixture();
  f.time.random = () => 0;
  await f.opened();
  f.socket.cut();
  await f.pass(0);

  assert.equal(FakeSocket.all.length, 2);
});

test("only a connection that was open for five seconds and received a message resets the attempts", async () => {
  const f = new Fixture();
  const attempts: number[] = [];
  f.live.subscribe((state) => state.status == "waiting" && attempts.push(state.attempt));
  for (const [ms, isMessage] of [
    [6_000, false],
    [4_000, true],
    [6_000, true],
  ] as const) {
    await f.opened();
    if (isMessage) f.socket.push({ type: "ping" });
    await f.pass(ms);
    f.socket.cut();
    await f.pass(1_000);
  }

  assert.deepEqual(attempts, [1, 2, 1]);
});

for (const code of [1000, 4400, 4403, 4401])
  test(`after close ${code} a client without a token stays closed`, async () => {
    const f = new Fixture();
    await f.opened();
    f.socket.cut(code, "why");
    await f.pass(3_600_000);

    assert.equal(f.status, "closed");
    assert.deepEqual(f.cause, { kind: "closed_by_server", code, reason: "why" });
    assert.equal(FakeSocket.all.length, 1);
    assert.equal(f.time.pending, 0);
  });

for (const code of [1001, 1005, 1009, 1011, 1012, 1013, 4408, 4429, 4508, 4999])
  test(`after close ${code} the client reconnects`, async () => {
    const f = new Fixture();
    await f.opened();
    f.socket.cut(code);
    await f.pass(7_500);

    assert.equal(FakeSocket.all.length, 2);
  });

test("after close 1013 the client waits for at least five seconds, also after a hint", async () => {
  const f = new Fixture();
  await f.opened();
  f.socket.cut(1013);
  await f.pass(0);
  f.live.probe();
  await f.pass(4_999);
  assert.equal(FakeSocket.all.length, 1);
  await f.pass(5_001);

  assert.equal(FakeSocket.all.length, 2);
});

test("after five reconnects in a row because of violations the client stays closed", async () => {
  const f = new Fixture();
  for (let n = 0; n < 6; n++) {
    await f.opened();
    f.socket.cut(1002);
    await f.pass(2_000);
  }

  assert.equal(f.status, "closed");
  assert.equal(FakeSocket.all.length, 6);
});

test("the window of a goodbye replaces the delay", async () => {
  const f = new Fixture();
  await f.opened();
  f.socket.push(goodbye(1012, [2_000, 4_000]));
  f.socket.cut(1012);
  await f.pass(0);

  assert.equal((f.live.state as any).delayMs, 3_000);
  f.live.probe(); // the server requested the delay
  await f.pass(2_999);
  assert.equal(FakeSocket.all.length, 1);
  await f.pass(1);
  assert.equal(FakeSocket.all.length, 2);
});

for (const code of [1002, 1005, 1006])
  test(`the code of a goodbye counts if the engine reports ${code}`, async () => {
    const f = new Fixture();
    await f.opened();
    f.socket.push(goodbye(1013, [5_000, 10_000]));
    f.socket.cut(code);
    await f.pass(0);

    assert.deepEqual(f.cause, { kind: "closed_by_server", code: 1013, reason: "deploy" });
    assert.equal((f.live.state as any).delayMs, 7_500);
  });

for (const window of [undefined, null, [], [1], ["1", "2x"], [5, 1], [-1, 3], "soon", 1e99])
  test(`a goodbye with the window ${JSON.stringify(window)} is followed by a backoff`, async () => {
    const f = new Fixture();
    await f.opened();
    f.socket.push(goodbye(1012, window));
    f.socket.cut(1012);
    await f.pass(0);

    assert.equal((f.live.state as any).delayMs, 125);
  });

test("a window of years is limited to two hours", async () => {
  const f = new Fixture();
  await f.opened();
  f.socket.push(goodbye(1012, [1e15, 1e16]));
  f.socket.cut(1012);
  await f.pass(0);

  assert.ok((f.live.state as any).delayMs <= 7_200_000);
});

test("an upgrade without an answer is given up after ten seconds", async () => {
  const f = new Fixture();
  await f.pass(10_000);

  assert.deepEqual(f.cause, { kind: "unreachable", reason: "timeout" });
  assert.equal(f.socket.closedWith, 1000);
});

test("a WebSocket class that throws is unreachable and retried with backoff", async () => {
  let created = 0;
  const f = new Fixture({
    WebSocket: class {
      constructor() {
        created++;
        throw new DOMException("insecure", "SecurityError");
      }
    } as never,
  });
  await f.pass(60_000);

  assert.equal(f.cause.kind, "unreachable");
  assert.match(f.cause.reason, /insecure/);
  assert.ok(created > 3 && created < 40, `${created} attempts`);
});

test("a policy that returns undefined or throws closes the client", async () => {
  for (const reconnect of [
    exponentialBackoff({ maxAttempts: 0 }),
    () => {
      throw new Error("policy");
    },
  ]) {
    const f = new Fixture({ reconnect });
    await f.opened();
    f.socket.cut();
    await f.pass(0);
    assert.equal(f.status, "closed");
    assert.deepEqual(f.cause, { kind: "connection_lost" });
    f.end();
  }
});

test("diagnose explains a refused upgrade, and Retry-After is a minimum", async () => {
  const f = new Fixture({ diagnose: probeUpgrade });
  const realFetch = globalThis.fetch;
  const asked: unknown[] = [];
  globalThis.fetch = async (url) => {
    asked.push(url);
    const headers = { "content-type": "text/html", "retry-after": "7" };
    return new Response("<html><style>p{}</style><p>Not   here</p>", { status: 503, headers });
  };
  try {
    await f.pass(0);
    f.socket.cut();
    await f.pass(0);
  } finally {
    globalThis.fetch = realFetch;
  }

  assert.deepEqual(asked, ["http://localhost/live"]);
  assert.equal(f.cause.kind, "upgrade_rejected");
  assert.equal(f.cause.status, 503);
  assert.match(f.cause.reason, /HTTP 503, text\/html: Not here$/);
  assert.equal((f.live.state as any).delayMs, 10_500);
});

test("diagnose without an answer is unreachable", async () => {
  const f = new Fixture({ diagnose: probeUpgrade });
  const realFetch = globalThis.fetch;
  globalThis.fetch = () => Promise.reject(new TypeError("fetch failed"));
  try {
    await f.pass(0);
    f.socket.cut();
    await f.pass(0);
  } finally {
    globalThis.fetch = realFetch;
  }

  assert.equal(f.cause.kind, "unreachable");
  assert.match(f.cause.reason, /fetch failed/);
});

for (const frame of [
  "",
  "<html>",
  "null",
  "[]",
  "1",
  "{}",
  '{"type":7}',
  '{"type":"x","body":"%"}',
  "x".repeat(2_000_000),
])
  test(`the frame ${JSON.stringify(frame.slice(0, 30))} is a protocol error, and the client reconnects`, async () => {
    const f = new Fixture();
    await f.opened();
    f.socket.push(frame);
    await f.pass(0);

    assert.equal(f.cause.kind, "protocol_error");
    assert.equal(f.socket.closedWith, 4400);
    await f.pass(1_000);
    assert.equal(FakeSocket.all.length, 2);
  });

test("close ends everything and leaves no timer", async () => {
  const f = new Fixture();
  const topic = f.live.topic("t");
  topic.subscribe(() => {});
  await f.opened();
  f.live.close();
  f.live.close();
  await f.pass(0);

  assert.equal(f.status, "closed");
  assert.deepEqual(f.cause, { kind: "closed_by_client" });
  assert.equal(f.socket.closedWith, 1000);
  assert.equal(f.time.pending, 0);
  f.live.probe();
  await f.pass(60_000);
  assert.equal(FakeSocket.all.length, 1);
});

test("close during the connect aborts it", async () => {
  const f = new Fixture();
  f.live.close();
  await f.pass(60_000);

  assert.ok(FakeSocket.all.every((socket) => socket.readyState == 3));
  assert.equal(f.time.pending, 0);
});

test("close while the token is awaited opens no socket", async () => {
  let resolve = (_: string): void => {};
  const f = new Fixture({ auth: bearer(() => new Promise<string>((done) => (resolve = done))) });
  await f.pass(0);
  f.live.close();
  resolve("token");
  await f.pass(60_000);

  assert.equal(FakeSocket.all.length, 0);
  assert.equal(f.status, "closed");
});

test("a listener of the state that throws stops neither others nor the client", async () => {
  const f = new Fixture();
  const thrown: unknown[] = [];
  const realListeners = process.listeners("uncaughtException");
  process.removeAllListeners("uncaughtException");
  process.on("uncaughtException", (e) => thrown.push(e));
  let calls = 0;
  f.live.subscribe(() => {
    throw new Error("listener");
  });
  f.live.subscribe(() => void calls++);
  await f.opened();
  f.socket.cut();
  await f.pass(1_000);
  f.live.close();
  await f.pass(0);
  process.removeAllListeners("uncaughtException");
  for (const listener of realListeners) process.on("uncaughtException", listener);

  assert.ok(calls >= 3);
  assert.equal(FakeSocket.all.length, 2);
  assert.ok(thrown.length >= 3);
});

test("invalid options are errors that name the option", () => {
  const create = (options: object) => () => new LiveClient("ws://x/", { WebSocket: FakeSocket as never, ...options });

  assert.throws(create({ requestTimeoutMs: 0 }), /requestTimeoutMs must be positive, was 0/);
  assert.throws(create({ outboxMessages: NaN }), /outboxMessages must be positive, was NaN/);
  assert.throws(create({ pingAfterMs: -1 }), RangeError);
  assert.throws(() => new LiveClient("ftp://x/"), /url must begin with ws:\/\/ or wss:\/\//);
  assert.throws(() => new LiveClient("/live"), TypeError);
});

test("without a WebSocket class the error explains the option", { skip: "WebSocket" in globalThis }, () => {
  assert.throws(() => new LiveClient("ws://x/"), /no WebSocket: set it in the options/);
});
