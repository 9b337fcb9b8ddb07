import assert from "node:assert/strict";
import { test } from "node:test";
import { LiveError, onRequest } from "../src/index.js";
import { FakeSocket } from "./support/fake-socket.js";
import { Fixture, errorOf } from "./support/fixture.js";

test("publish resolves on the ack, and rejects with the server's error", async () => {
  const f = new Fixture();
  const topic = f.live.topic("t");
  await f.opened();
  const published = topic.publish({ a: 1 });
  await f.pass(0);
  assert.deepEqual(f.socket.sent, [{ type: "publish", topic: "t", ref: "~1", data: { a: 1 } }]);
  f.socket.answer("publish");
  await published;
  const rejected = errorOf(topic.publish(2));
  await f.pass(0);
  f.socket.answer("publish", { type: "error", data: { code: "rate_limited", reason: "slow", retryAfterMs: 250 } });
  const error = await rejected;

  assert.ok(error instanceof LiveError);
  assert.deepEqual([error.code, error.message, error.retryAfterMs], ["rate_limited", "slow", 250]);
  assert.equal(f.time.pending, 2); // the heartbeat, and the limit for the upgrade
});

test("bytes are published as an opaque body, as they were at the call", async () => {
  const f = new Fixture();
  await f.opened();
  const bytes = Uint8Array.of(1, 2, 255);
  f.live.topic("t").tryPublish(bytes);
  bytes[0] = 9;
  await f.pass(0);

  assert.equal(f.socket.sent[0].body, "AQL/");
});

test("what is not JSON is an error of the caller, and nothing is sent", async () => {
  const f = new Fixture();
  const topic = f.live.topic<unknown>("t");
  const circular: { self?: unknown } = {};
  circular.self = circular;
  await f.opened();

  for (const value of [undefined, () => 1, 1n, circular])
    assert.ok((await errorOf(topic.publish(value))) instanceof TypeError);
  assert.equal(f.socket.sent.length, 0);
});

test("messages wait for a connection in order, after the subscribe of their topic", async () => {
  const f = new Fixture();
  f.live.topic("t").tryPublish(1);
  f.live.topic("t").tryPublish(2);
  f.live.topic("t").subscribe(() => {});
  await f.opened();

  assert.deepEqual(
    f.socket.sent.map((m) => m.data ?? m.type),
    ["subscribe", 1, 2],
  );
});

test("a message to a topic whose subscribe waits is sent after it", async () => {
  const f = new Fixture();
  for (let n = 0; n < 100; n++) f.live.topic(`t${n}`).subscribe(() => {});
  f.live.topic("t99").tryPublish(1);
  await f.opened();

  assert.deepEqual(
    f.socket.sent.slice(64).map((m) => [m.type, m.topic]),
    [
      ["subscribe", "t99"],
      ["publish", "t99"],
    ],
  );
});

test("an unsubscribe is sent after earlier messages to its topic", async () => {
  const f = new Fixture();
  const topic = f.live.topic("t");
  const stop = topic.subscribe(() => {});
  await f.opened();
  f.socket.answer("subscribe");
  f.socket.bufferedAmount = 2 << 20;
  topic.tryPublish(1);
  stop();
  await f.pass(1_000);
  assert.equal(f.socket.sent.length, 1); // the network is too slow
  f.socket.bufferedAmount = 0;
  await f.pass(50);

  assert.deepEqual(
    f.socket.sent.map((m) => m.type),
    ["subscribe", "publish", "unsubscribe"],
  );
});

test("a message that is not sent within its time is never sent", async () => {
  const f = new Fixture();
  const error = errorOf(f.live.topic("t").publish(1, { timeoutMs: 500 }));
  await f.pass(500);
  assert.deepEqual([(await error).code, (await error).message], ["timeout", "not sent"]);
  await f.opened();

  assert.equal(f.socket.sent.length, 0);
});

test("a message without a reply fails after its time, and the client checks the connection", async () => {
  const f = new Fixture();
  await f.opened();
  const error = errorOf(f.live.topic("t").publish(1));
  await f.pass(10_000);

  assert.deepEqual([(await error).code, (await error).message], ["timeout", "no reply"]);
  assert.deepEqual(
    f.socket.sent.map((m) => m.type),
    ["publish", "ping"],
  );
  f.socket.answer("publish"); // too late: dropped
});

test("a message without a key is never sent twice", async () => {
  const f = new Fixture();
  await f.opened();
  const error = errorOf(f.live.topic("t").publish(1));
  await f.pass(0);
  f.socket.cut();
  assert.equal((await error).code, "connection_lost");
  await f.pass(125);
  await f.opened();

  assert.equal(f.socket.sent.length, 0);
});

test("publishOnce sends the message again on the next connection, with the same ref and payload", async () => {
  const f = new Fixture();
  await f.opened();
  const published = f.live.topic("t").publishOnce("order-1", { a: 1 });
  await f.pass(0);
  const first = f.socket.sent[0];
  assert.equal(first.ref, "=order-1");
  f.socket.cut();
  await f.pass(125);
  await f.opened();
  assert.deepEqual(f.socket.sent, [first]);
  f.socket.answer("publish");

  await published;
});

test("publishOnce is not sent again after close 1009", async () => {
  const f = new Fixture();
  await f.opened();
  const error = errorOf(f.live.topic("t").publishOnce("k", "big"));
  await f.pass(0);
  f.socket.cut(1009);
  assert.equal((await error).code, "connection_lost");
  await f.pass(125);
  await f.opened();

  assert.equal(f.socket.sent.length, 0);
});

test("a key that is in use, empty or too long is an error", async () => {
  const f = new Fixture();
  const topic = f.live.topic("t");
  void topic.publishOnce("k", 1).catch(() => {});

  assert.equal((await errorOf(topic.publishOnce("k", 2))).code, "bad_payload");
  assert.ok((await errorOf(topic.publishOnce("", 2))) instanceof TypeError);
  assert.ok((await errorOf(topic.publishOnce("x".repeat(64), 2))) instanceof TypeError);
});

test("a full outbox rejects messages, and has room again when they are sent", async () => {
  const f = new Fixture({ outboxMessages: 2, outboxBytes: 20 });
  const topic = f.live.topic<unknown>("t");
  assert.equal(topic.tryPublish("0123456789"), true);
  assert.equal(topic.tryPublish("0123456789"), false); // bytes
  assert.equal(topic.tryPublish(1), true);
  assert.equal(topic.tryPublish(1), false); // messages
  assert.equal((await errorOf(topic.publish(1))).code, "outbox_full");
  await f.opened();
  assert.equal(topic.tryPublish("a message that is larger than the outbox"), true);
  await f.pass(0);

  assert.equal(f.socket.sent.length, 3);
});

test("tryPublish reports a failure", async () => {
  const f = new Fixture();
  const codes: string[] = [];
  f.live.topic("t").tryPublish(1, (e) => codes.push(e.code));
  await f.pass(10_000);
  f.live.topic("t").tryPublish(1, (e) => codes.push(e.code));
  f.live.close();
  await f.pass(0);

  assert.deepEqual(codes, ["timeout", "closed"]);
});

test("an abort removes a waiting message, and rejects with the signal's reason", async () => {
  const f = new Fixture();
  const abort = new AbortController();
  const waiting = errorOf(f.live.topic("t").publish(1, { signal: abort.signal }));
  abort.abort("no longer");
  assert.equal(await waiting, "no longer");
  assert.equal(await errorOf(f.live.topic("t").publish(1, { signal: abort.signal })), "no longer");
  await f.opened();
  assert.equal(f.socket.sent.length, 0);

  const second = new AbortController();
  const sent = errorOf(f.live.topic("t").publish(2, { signal: second.signal }));
  await f.pass(0);
  second.abort();
  assert.equal((await sent).name, "AbortError");
  f.socket.answer("publish"); // dropped
});

test("request resolves to the payload of the reply", async () => {
  const f = new Fixture();
  await f.opened();
  const reply = f.live.request<number>("count", "42", { topic: "room", key: "q" });
  await f.pass(0);
  assert.deepEqual(f.socket.sent, [{ type: "count", topic: "room", ref: "=q", data: "42" }]);
  f.socket.answer("count", { type: "reply", data: 1 });
  assert.equal(await reply, 1);
  const none = f.live.request("now");
  await f.pass(0);
  f.socket.answer("now", { type: "reply" });

  assert.equal(await none, undefined);
  assert.ok((await errorOf(f.live.request(""))) instanceof TypeError);
});

test("a request with a key is not repeated by the client", async () => {
  const f = new Fixture();
  await f.opened();
  const error = errorOf(f.live.request("pay", 1, { key: "k" }));
  await f.pass(0);
  f.socket.cut();

  assert.equal((await error).code, "connection_lost");
});

test("after a close everything fails with the cause, and later calls too", async () => {
  const f = new Fixture();
  const error = errorOf(f.live.topic("t").publish(1));
  await f.opened();
  const waiting = errorOf(f.live.request("x"));
  f.socket.cut(4403, "kicked");
  await f.pass(0);

  assert.equal((await error).code, "connection_lost");
  assert.deepEqual([(await waiting).code, (await waiting).message], ["closed", "kicked"]);
  assert.equal((await errorOf(f.live.request("x"))).code, "closed");
  assert.equal(f.time.pending, 0);
});

test("requests of the server are answered with the result or the error of their handler", async () => {
  const f = new Fixture();
  await f.opened();
  const stop = onRequest(f.live, "double", (n: number) => n * 2);
  onRequest(f.live, "nothing", () => undefined);
  onRequest(f.live, "reject", () => Promise.reject(new LiveError("forbidden", "not you")));
  onRequest(f.live, "fail", () => {
    throw new Error("secret");
  });
  for (const type of ["double", "nothing", "reject", "fail", "unknown"])
    f.socket.push({ type, ref: `$${type}`, data: 21 });
  await f.pass(0);

  const answers = Object.fromEntries(f.socket.sent.map(({ ref, type, data }) => [ref, [type, data?.code ?? data]]));
  assert.deepEqual(answers, {
    $double: ["reply", 42],
    $nothing: ["reply", undefined],
    $reject: ["error", "forbidden"],
    $fail: ["error", "internal"],
    $unknown: ["error", "unknown_type"],
  });
  assert.doesNotMatch(JSON.stringify(f.socket.sent), /secret/);
  assert.deepEqual(
    f.time.reported.map((e) => (e as Error).message),
    ["secret"],
  );
  stop();
  onRequest(f.live, "double", () => 0);
  assert.throws(() => onRequest(f.live, "double", () => 0), /already have a handler/);
  assert.throws(() => onRequest(f.live, "publish", () => 0), /reserved/);
});

test("a request without any handler is answered with unknown_type", async () => {
  const f = new Fixture();
  await f.opened();
  f.socket.push({ type: "x", ref: "$1" });
  await f.pass(0);

  assert.equal(f.socket.sent[0].data.code, "unknown_type");
});

test("at most 64 requests run at a time, and a reply is only sent on the connection of its request", async () => {
  const f = new Fixture();
  await f.opened();
  const finish: (() => void)[] = [];
  onRequest(f.live, "slow", () => new Promise<void>((resolve) => finish.push(resolve)));
  for (let n = 0; n < 70; n++) f.socket.push({ type: "slow", ref: `$${n}` });
  await f.pass(0);
  assert.deepEqual(
    f.socket.sent.map((m) => m.data.code),
    Array(6).fill("rate_limited"),
  );
  f.socket.cut();
  await f.pass(125);
  await f.opened();
  finish.forEach((run) => run());
  await f.pass(0);
  assert.equal(f.socket.sent.length, 0);
  f.socket.push({ type: "slow", ref: "$again" });
  await f.pass(0);
  finish.at(-1)!();
  await f.pass(0);

  assert.deepEqual(
    f.socket.sent.map((m) => m.ref),
    ["$again"],
  );
  assert.equal(FakeSocket.all.length, 2);
});
