import assert from "node:assert/strict";
import { afterEach, test } from "node:test";
import { FakeSocket } from "./support/fake-socket.js";
import { Fixture } from "./support/fixture.js";

test("the client pings after 25 s of silence, and gives the connection up after 60 s", async () => {
  const f = new Fixture();
  await f.opened();
  await f.pass(24_999);
  assert.equal(f.socket.sentOf("ping").length, 0);
  await f.pass(1);
  assert.deepEqual(f.socket.sent, [{ type: "ping" }]);
  await f.pass(34_999);
  assert.equal(f.status, "connected");
  await f.pass(1);

  assert.deepEqual(f.cause, { kind: "heartbeat_timeout" });
  assert.equal(FakeSocket.all[0]!.closedWith, 1000);
});

test("any message postpones the ping and the end", async () => {
  const f = new Fixture();
  await f.opened();
  for (let n = 0; n < 10; n++) {
    await f.pass(20_000);
    f.socket.push({ type: "message", topic: "other" });
  }
  assert.equal(f.socket.sentOf("ping").length, 0);
  await f.pass(25_000);
  f.socket.push({ type: "pong" });
  await f.pass(40_000);

  assert.equal(f.status, "connected");
});

test("the client answers a ping of the server with its ref", async () => {
  const f = new Fixture();
  await f.opened();
  f.socket.push({ type: "ping", ref: "7" });
  await f.pass(0);

  assert.deepEqual(f.socket.sent, [{ type: "pong", ref: "7" }]);
});

test("after a sleep of the machine the connection gets a ping and two seconds before it is given up", async () => {
  const f = new Fixture();
  await f.opened();
  await f.time.sleep(3_600_000);
  assert.equal(f.status, "connected");
  assert.equal(f.socket.sentOf("ping").length, 1);
  await f.pass(1_000);
  f.socket.push({ type: "pong" });
  await f.pass(3_000);
  assert.equal(f.status, "connected");
  await f.time.sleep(3_600_000);
  await f.pass(2_000);

  assert.deepEqual(f.cause, { kind: "heartbeat_timeout" });
});

test("a tab with throttled timers notices a dead connection, and keeps a live one", async () => {
  for (const isAlive of [true, false]) {
    const f = new Fixture();
    await f.opened();
    for (let minute = 0; minute < 6 && f.status == "connected"; minute++) {
      await f.time.sleep(60_000);
      if (isAlive) f.socket.push({ type: "pong" });
    }
    assert.equal(f.status == "connected", isAlive);
    f.end();
  }
});

test("a wall clock that jumps forward or backward ends no connection", async () => {
  const f = new Fixture();
  await f.opened();
  for (const jump of [86_400_000, -172_800_000, 86_400_000]) {
    f.time.wallOffset += jump;
    await f.pass(10_000);
    f.socket.push({ type: "message", topic: "other" });
    await f.pass(20_000);
    f.socket.push({ type: "pong" });
  }

  assert.equal(f.status, "connected");
  assert.equal(FakeSocket.all.length, 1);
});

test("probe ends a connection that does not answer within two seconds", async () => {
  const f = new Fixture();
  await f.opened();
  f.live.probe();
  await f.pass(1_000);
  f.socket.push({ type: "pong" });
  await f.pass(5_000);
  assert.equal(f.status, "connected");
  f.live.probe();
  await f.pass(2_000);

  assert.deepEqual(f.cause, { kind: "heartbeat_timeout" });
});

test("probe while waiting connects now, but not within a second of the last attempt", async () => {
  const f = new Fixture();
  f.time.random = () => 0.999;
  await f.pass(0);
  for (let n = 0; n < 15; n++) {
    f.socket.cut();
    await f.pass(30_000);
  }
  f.socket.cut();
  await f.pass(0);
  const before = FakeSocket.all.length;
  for (let n = 0; n < 20; n++) {
    f.live.probe();
    await f.pass(100);
    if (f.status == "connecting") f.socket.cut();
  }

  assert.ok(FakeSocket.all.length - before <= 3, `${FakeSocket.all.length - before} attempts in two seconds`);
  assert.ok(FakeSocket.all.length - before >= 1);
});

/** A page: its events, and whether it is online. */
class FakePage {
  readonly window = new EventTarget();
  readonly document = Object.assign(new EventTarget(), {
    baseURI: "https://example.com/app/",
    visibilityState: "visible",
  });
  readonly navigator = { onLine: true };

  constructor() {
    for (const [name, value] of Object.entries({
      document: this.document,
      navigator: this.navigator,
      addEventListener: this.window.addEventListener.bind(this.window),
    }))
      Object.defineProperty(globalThis, name, { value, configurable: true, writable: true });
  }

  fire(type: string): void {
    (/^(vis|res)/.test(type) ? this.document : this.window).dispatchEvent(new Event(type));
  }
}

afterEach(() => {
  for (const name of ["document", "navigator", "addEventListener"]) delete (globalThis as any)[name];
});

test("offline pauses the attempts, and online connects at once", async () => {
  const page = new FakePage();
  const f = new Fixture();
  await f.opened();
  page.navigator.onLine = false;
  page.fire("offline");
  await f.pass(0);
  assert.equal(f.status, "connected"); // it may still work
  f.socket.cut();
  await f.pass(600_000);
  assert.deepEqual(f.live.state, { status: "paused", reason: "offline" });
  assert.equal(FakeSocket.all.length, 1);
  page.navigator.onLine = true;
  page.fire("online");
  await f.pass(0);

  assert.equal(f.status, "connecting");
  assert.equal(FakeSocket.all.length, 2);
});

test("online does not shorten a delay that the server requested", async () => {
  const page = new FakePage();
  const f = new Fixture();
  await f.opened();
  f.socket.push({ type: "goodbye", data: { code: 1012, reconnectInMs: [60_000, 60_000] } });
  f.socket.cut(1012);
  await f.pass(0);
  page.navigator.onLine = false;
  page.fire("offline");
  assert.equal(f.status, "paused");
  await f.pass(30_000);
  page.navigator.onLine = true;
  page.fire("online");
  await f.pass(29_999);
  assert.equal(FakeSocket.all.length, 1);
  await f.pass(1);

  assert.equal(FakeSocket.all.length, 2);
});

test("a page in the back/forward cache has no connection, and connects when it is shown", async () => {
  const page = new FakePage();
  const f = new Fixture();
  f.live.topic("t").subscribe(() => {});
  await f.opened();
  page.fire("pagehide");
  await f.pass(600_000);
  assert.equal(f.socket.closedWith, 1000);
  assert.deepEqual(f.live.state, { status: "paused", reason: "hidden" });
  assert.equal(FakeSocket.all.length, 1);
  page.fire("pageshow");
  await f.opened();

  assert.equal(FakeSocket.all.length, 2);
  assert.equal(f.socket.sentOf("subscribe").length, 1);
});

for (const type of ["visibilitychange", "resume", "online"])
  test(`the client checks the connection after ${type}`, async () => {
    const page = new FakePage();
    const f = new Fixture();
    await f.opened();
    page.fire(type);
    await f.pass(0);
    assert.equal(f.socket.sentOf("ping").length, 1);
    await f.pass(2_000);

    assert.deepEqual(f.cause, { kind: "heartbeat_timeout" });
  });

test("a closed client no longer listens to the page", async () => {
  const page = new FakePage();
  const f = new Fixture();
  await f.opened();
  f.live.close();
  for (const type of ["pagehide", "pageshow", "online", "visibilitychange"]) page.fire(type);
  await f.pass(60_000);

  assert.equal(f.status, "closed");
  assert.equal(FakeSocket.all.length, 1);
});
