import assert from "node:assert/strict";
import { test } from "node:test";
import { bearer } from "../src/index.js";
import { FakeSocket } from "./support/fake-socket.js";
import { Fixture } from "./support/fixture.js";

/** A token function that returns the current token. */
class Tokens {
  current = "t1";
  calls = 0;
  readonly auth = bearer(() => {
    this.calls++;
    return this.current;
  });
}

test("the token is sent in a subprotocol in base64url", async () => {
  const f = new Fixture({ auth: bearer(async () => "a?b>c~") });
  await f.pass(0);

  assert.deepEqual(f.socket.protocols, ["live.v1.json", "live.bearer.YT9iPmN-"]);
});

test("after 4401 the client reconnects with another token, and stays closed with the same one", async () => {
  const tokens = new Tokens();
  const f = new Fixture({ auth: tokens.auth });
  await f.opened();
  f.socket.cut(4401);
  tokens.current = "t2";
  await f.pass(125);
  await f.opened();
  assert.equal(f.status, "connected");
  f.socket.cut(4401);
  await f.pass(1_000);

  assert.equal(f.status, "closed");
  assert.equal(f.cause.kind, "stale_token");
  assert.equal(FakeSocket.all.length, 2);
});

const providers: Record<string, () => string | Promise<string>> = {
  throws: () => {
    throw new Error("no network");
  },
  rejects: () => Promise.reject(new Error("no network")),
  "returns a line break": () => "token\n",
  "returns nothing": () => undefined as never,
  "never ends": () => new Promise<string>(() => {}),
};

for (const [name, provide] of Object.entries(providers))
  test(`a token function that ${name} is a state, and is retried with backoff`, async () => {
    let calls = 0;
    const auth = bearer(() => {
      calls++;
      return provide();
    }, 1_000);
    const f = new Fixture({ auth });
    await f.pass(1_000);
    if (name == "never ends") assert.equal(f.cause.kind, "no_token");
    await f.pass(30_000);

    assert.equal(FakeSocket.all.length, 0);
    assert.ok(calls > 3 && calls < 40, `${calls} calls`);
    f.live.close();
    await f.pass(2_000);
    assert.equal(f.time.pending, 0);
  });

test("before the token expires the client sends a fresh one, and asks again while there is none", async () => {
  const tokens = new Tokens();
  const f = new Fixture({ auth: tokens.auth });
  await f.opened();
  f.socket.push({ type: "expiring", data: { inMs: 60_000 } });
  await f.pass(0);
  assert.equal(f.socket.sent.length, 0);
  tokens.current = "t2";
  await f.pass(29_999);
  assert.equal(f.socket.sentOf("auth").length, 0);
  await f.pass(1);
  assert.deepEqual(f.socket.sentOf("auth")[0].data, { token: "t2" });
  f.socket.answer("auth", { type: "error", data: { code: "internal", reason: "" } });
  await f.pass(15_000);
  assert.equal(f.socket.sentOf("auth").length, 2);
  f.socket.answer("auth");
  await f.pass(60_000 - 45_000);

  assert.equal(f.socket.sentOf("auth").length, 2);
});

test("the rejection of a renewal is not repeated, and the token is not sent again", async () => {
  const tokens = new Tokens();
  const f = new Fixture({ auth: tokens.auth });
  await f.opened();
  tokens.current = "t2";
  f.socket.push({ type: "expiring", data: { inMs: 60_000 } });
  await f.pass(0);
  f.socket.answer("auth", { type: "error", data: { code: "forbidden", reason: "" } });
  f.socket.cut(4401);
  await f.pass(1_000);

  assert.equal(f.status, "closed");
  assert.equal(f.cause.kind, "stale_token");
});

test("a renewal ends with its connection, and the next connection can renew again", async () => {
  const tokens = new Tokens();
  const f = new Fixture({ auth: tokens.auth });
  await f.opened();
  f.socket.push({ type: "expiring", data: { inMs: 60_000 } });
  await f.pass(0);
  f.socket.cut();
  await f.pass(125);
  await f.opened();
  tokens.current = "t2";
  f.socket.push({ type: "expiring", data: { inMs: "soon" } });
  await f.pass(0);

  assert.equal(f.socket.sentOf("auth").length, 1);
});

test("without a token function expiring is a message for the application", async () => {
  const f = new Fixture();
  const seen: string[] = [];
  f.live.addEventListener("message", (event) => seen.push((event as CustomEvent).detail.type));
  await f.opened();
  f.socket.push({ type: "expiring", data: { inMs: 60_000 } });

  assert.deepEqual(seen, ["expiring"]);
});
