import assert from "node:assert/strict";
import { beforeEach, mock, test } from "node:test";
import { webModule } from "../../../../testing/paths.js";

const { LiveClient } = await webModule("shared/live.js");

beforeEach(() => {
  mock.timers.reset();
  mock.timers.enable({ apis: ["setTimeout", "Date"] });
  FakeSocket.made = [];
});

test("it offers the JSON codec, subscribes, and delivers messages", async () => {
  const { client, seen, socket } = connect(["room/a"]);

  assert.deepEqual(socket().protocols, ["live.v1.json"]);
  assert.deepEqual(socket().sent, [{ type: "subscribe", topic: "room/a", ref: "1" }]);
  socket().receives({ type: "ack", ref: "1" });
  await settled();
  socket().receives({ type: "message", topic: "room/a", data: { text: "hi" } });

  assert.equal(client.isSubscribed("room/a"), true);
  assert.deepEqual(seen, ["connecting", "connected", "subscribed room/a first", 'message room/a {"text":"hi"}']);
});

test("publish waits for its ack", async () => {
  const { client, socket } = await subscribed("room/a");

  const published = client.publish("room/a", { text: "x" });
  const { ref } = socket().sent.at(-1);
  socket().receives({ type: "error", ref, data: { code: "bad_payload", reason: "text is too long" } });

  await assert.rejects(published, { code: "bad_payload", message: "text is too long" });
});

test("publish fails without a connection, and when the connection is lost before the ack", async () => {
  const { client, socket } = await subscribed("room/a");

  const pending = client.publish("room/a", {});
  socket().closes(1006);

  await assert.rejects(pending, { code: "connection_lost" });
  await assert.rejects(client.publish("room/a", {}), { code: "not_connected" });
});

test("it reconnects and subscribes again", async () => {
  const { seen, socket } = await subscribed("room/a");

  socket().closes(1006);
  mock.timers.tick(125); // half of the first maximum: random is 0.5 here
  socket().opens();

  assert.equal(FakeSocket.made.length, 2);
  assert.equal(socket().sent[0].type, "subscribe");
  assert.deepEqual(seen.slice(-3), ["waiting", "connecting", "connected"]);
});

test("failed attempts back off, and a stable connection resets the backoff", async () => {
  const { client, socket } = await subscribed("room/a");

  const delays = [];
  for (let i = 0; i < 4; i++) {
    socket().closes(1006);
    delays.push(client.state.retryAt - Date.now());
    mock.timers.tick(delays.at(-1));
  }
  socket().opens();
  mock.timers.tick(5_000);
  socket().closes(1006);
  delays.push(client.state.retryAt - Date.now());

  assert.deepEqual(delays, [125, 250, 500, 1000, 125]);
});

test("it reconnects within the window of a goodbye", async () => {
  const { client, socket } = await subscribed("room/a");

  socket().receives({ type: "goodbye", data: { code: 1012, reason: "restart", reconnectInMs: [1_000, 3_000] } });
  socket().closes(1012);

  assert.equal(client.state.retryAt - Date.now(), 2_000);
});

test("after a kick it reconnects only on request", async () => {
  const { client, socket } = await subscribed("room/a");

  socket().closes(4403, "be nice");
  mock.timers.tick(1_000_000);
  assert.deepEqual(client.state, { kind: "stopped", code: 4403, reason: "be nice" });
  assert.equal(FakeSocket.made.length, 1);

  client.connect();
  assert.equal(FakeSocket.made.length, 2);
});

test("connect() skips the wait and cancels the scheduled attempt", async () => {
  const { client, socket } = await subscribed("room/a");
  socket().closes(1013);

  client.connect();
  socket().opens();
  mock.timers.tick(10_000);

  assert.equal(FakeSocket.made.length, 2);
});

test("an idle connection is pinged, and dropped without a pong", async () => {
  const { client, socket } = await subscribed("room/a");

  mock.timers.tick(5_000);
  mock.timers.tick(5_000);
  mock.timers.tick(5_000);
  mock.timers.tick(5_000);
  assert.equal(socket().sent.at(-1).type, "ping");
  mock.timers.tick(10_000);

  assert.equal(client.state.kind, "waiting");
  assert.equal(client.state.lostAt, Date.now() - 30_000);
  assert.equal(socket().closedWith, "no code");
});

test("a connection attempt times out after ten seconds", () => {
  const { client } = start([]);

  mock.timers.tick(10_000);

  assert.equal(client.state.kind, "waiting");
});

test("it replies to a ping with a pong and its ref", async () => {
  const { socket } = await subscribed("room/a");

  socket().receives({ type: "ping", ref: "7" });

  assert.deepEqual(socket().sent.at(-1), { type: "pong", ref: "7" });
});

test("a rejected subscription is reported once, and a rate-limited one is retried", async () => {
  const { seen, socket } = connect(["room/a", "room/b"]);

  socket().receives({ type: "error", ref: "1", topic: "room/a", data: { code: "forbidden", reason: "members only" } });
  socket().receives({
    type: "error",
    ref: "2",
    topic: "room/b",
    data: { code: "rate_limited", reason: "slow", retryAfterMs: 400 },
  });
  await settled();
  mock.timers.tick(400);

  assert.equal(seen.at(-1), "rejected room/a members only");
  assert.deepEqual(socket().sent.at(-1), { type: "subscribe", topic: "room/b", ref: "3" });
});

test("it resumes from its position in the history, and skips duplicates", async () => {
  const { seen, socket } = connect(["room/a"]);
  socket().receives({ type: "ack", ref: "1", data: { epoch: "e", offset: 7, recovered: false } });
  await settled();
  for (const offset of [7, 8, 9]) socket().receives({ type: "message", topic: "room/a", offset, data: offset });

  socket().closes(1006);
  mock.timers.tick(125);
  socket().opens();
  assert.deepEqual(socket().sent, [
    { type: "subscribe", topic: "room/a", ref: "2", data: { since: { epoch: "e", offset: 9 } } },
  ]);
  socket().receives({ type: "ack", ref: "2", data: { epoch: "e", offset: 11, recovered: true } });
  await settled();
  for (const offset of [9, 10, 11, 12]) socket().receives({ type: "message", topic: "room/a", offset, data: offset });

  const events = seen.filter((line) => line.includes("room/a"));
  assert.deepEqual(events, [
    "subscribed room/a first",
    "message room/a 8",
    "message room/a 9",
    "subscribed room/a recovered 2",
    "message room/a 10",
    "message room/a 11",
    "message room/a 12",
  ]);
});

test("a failed recovery is reported as a gap, and so is a topic without a history", async () => {
  const { seen, socket } = connect(["room/a", "room/b"]);
  for (const [ref, data] of [
    ["1", { epoch: "e", offset: 7, recovered: false }],
    ["2", undefined],
  ])
    socket().receives({ type: "ack", ref, data });
  await settled();

  socket().closes(1006);
  mock.timers.tick(125);
  socket().opens();
  for (const [ref, data] of [
    ["3", { epoch: "of a new server", offset: 2, recovered: false }],
    ["4", undefined],
  ])
    socket().receives({ type: "ack", ref, data });
  await settled();
  for (const offset of [2, 3]) socket().receives({ type: "message", topic: "room/a", offset, data: offset });

  assert.deepEqual(seen.slice(-3), ["subscribed room/a gap", "subscribed room/b gap", "message room/a 3"]);
});

test("a gap that the server reports while connected is reported, and the topic continues after it", async () => {
  const { seen, socket } = connect(["room/a", "room/b"]);
  socket().receives({ type: "ack", ref: "1", data: { epoch: "e", offset: 7, recovered: false } });
  socket().receives({ type: "ack", ref: "2" });
  await settled();

  socket().receives({ type: "subscribe", topic: "room/a", data: { epoch: "f", offset: 3, recovered: false } });
  socket().receives({ type: "subscribe", topic: "room/b" });
  socket().receives({ type: "subscribe", topic: "room/other" });
  for (const offset of [3, 4]) socket().receives({ type: "message", topic: "room/a", offset, data: offset });
  socket().closes(1006);
  mock.timers.tick(125);
  socket().opens();

  assert.deepEqual(seen.slice(4, 7), ["subscribed room/a gap", "subscribed room/b gap", "message room/a 4"]);
  assert.deepEqual(socket().sent[0].data, { since: { epoch: "f", offset: 4 } });
});

test("a new epoch that continues the old one is taken while connected", async () => {
  const { seen, socket } = connect(["room/a"]);
  socket().receives({ type: "ack", ref: "1", data: { epoch: "e", offset: 7, recovered: false } });
  await settled();

  socket().receives({ type: "subscribe", topic: "room/a", data: { epoch: "f", offset: 7, recovered: true } });
  socket().receives({ type: "message", topic: "room/a", offset: 8, data: 8 });
  socket().closes(1006);
  mock.timers.tick(125);
  socket().opens();

  assert.deepEqual(seen.slice(3, 5), ["subscribed room/a recovered", "message room/a 8"]);
  assert.deepEqual(socket().sent[0].data, { since: { epoch: "f", offset: 8 } });
});

test("a subscription can start at a given position, with params of the application", async () => {
  const { client, seen, socket } = connect([]);

  client.subscribe("room/a", { since: { epoch: "e", offset: 3 }, params: { device: "phone" } });
  assert.deepEqual(socket().sent[0].data, { since: { epoch: "e", offset: 3 }, params: { device: "phone" } });
  socket().receives({ type: "ack", ref: "1", data: { epoch: "e", offset: 5, recovered: true } });
  await settled();

  assert.equal(seen.at(-1), "subscribed room/a recovered 2");
});

test("a request resolves to the data of its reply, and fails without a connection", async () => {
  const { client, socket } = await subscribed("room/a");

  const reply = client.request("count", "lobby");
  const { ref, ...request } = socket().sent.at(-1);
  socket().receives({ type: "reply", ref, data: 5 });
  assert.deepEqual(request, { type: "count", data: "lobby" });
  assert.equal(await reply, 5);

  socket().closes(1006);
  await assert.rejects(client.request("count", "lobby"), { code: "not_connected" });
});

test("presence and messages without a topic have their own handlers", async () => {
  const { seen, socket } = await subscribed("room/a");

  socket().receives({ type: "presence", topic: "room/a", data: { count: 3 } });
  socket().receives({ type: "presence", topic: "room/other", data: { count: 4 } });
  socket().receives({ type: "ring", data: "phone" });

  assert.deepEqual(seen.slice(-2), ['presence room/a {"count":3}', 'direct ring "phone"']);
});

test("welcome data and custom message types are delivered while subscribed", async () => {
  const { client, seen, socket } = connect(["sync:a"]);
  socket().receives({ type: "ack", ref: "1", data: { welcome: { cursor: 7 } } });
  await settled();
  socket().receives({ type: "sync", topic: "sync:a", data: { cursor: 8 } });
  socket().receives({ type: "sync", topic: "sync:other", data: { cursor: 9 } });
  client.unsubscribe("sync:a");
  socket().receives({ type: "sync", topic: "sync:a", data: { cursor: 10 } });

  assert.deepEqual(seen.slice(2), ['subscribed sync:a first {"cursor":7}', 'customMessage sync:a sync {"cursor":8}']);
});

test("it replies to a server request with unknown_type, and reports an ended subscription", async () => {
  const { client, seen, socket } = await subscribed("room/a");

  socket().receives({ type: "confirm", ref: "$1", data: "really?" });
  socket().receives({ type: "unsubscribe", topic: "room/a" });
  socket().receives({ type: "message", topic: "room/a", data: "too late" });

  assert.deepEqual(socket().sent.at(-1), {
    type: "error",
    ref: "$1",
    data: { code: "unknown_type", reason: "no handler" },
  });
  assert.equal(seen.at(-1), "rejected room/a the server ended the subscription");
  assert.equal(client.isSubscribed("room/a"), false);
});

test("a token is sent as a subprotocol, base64url without padding", () => {
  new LiveClient("ws://test/live", {}, { WebSocket: FakeSocket, token: "ä?~x" }).connect();

  assert.deepEqual(FakeSocket.made.at(-1).protocols, ["live.v1.json", "live.bearer.w6Q_fng"]);
});

test("invalid frames are ignored", async () => {
  const { client, socket } = await subscribed("room/a");

  for (const text of [
    "",
    "null",
    "[]",
    "{",
    '"x"',
    '{"type":5}',
    '{"type":"unheard-of"}',
    '{"type":"goodbye"}',
    '{"type":"message"}',
  ])
    socket().onmessage({ data: text });

  assert.equal(client.state.kind, "connected");
});

function start(topics) {
  const seen = [];
  const client = new LiveClient(
    "ws://test/live",
    {
      state: ({ kind }) => seen.push(kind),
      subscribed: (topic, recovery, missed, welcome) =>
        seen.push(
          ["subscribed", topic, recovery, missed || "", welcome && JSON.stringify(welcome)].filter(Boolean).join(" "),
        ),
      customMessage: (topic, type, data) => seen.push(`customMessage ${topic} ${type} ${JSON.stringify(data)}`),
      presence: (topic, data) => seen.push(`presence ${topic} ${JSON.stringify(data)}`),
      direct: (type, data) => seen.push(`direct ${type} ${JSON.stringify(data)}`),
      message: (topic, data) => seen.push(`message ${topic} ${JSON.stringify(data)}`),
      rejected: (topic, error) => seen.push(`rejected ${topic} ${error.message}`),
    },
    { WebSocket: FakeSocket, random: () => 0.5 },
  );
  for (const topic of topics) client.subscribe(topic);
  client.connect();
  return { client, seen, socket: () => FakeSocket.made.at(-1) };
}

function connect(topics) {
  const started = start(topics);
  started.socket().opens();
  return started;
}

async function subscribed(topic) {
  const connected = connect([topic]);
  connected.socket().receives({ type: "ack", ref: "1" });
  await settled();
  return connected;
}

/** Runs the continuations of settled promises. */
async function settled() {
  for (let i = 0; i < 10; i++) await null;
}

/** A WebSocket that the test controls. */
class FakeSocket {
  static made = [];
  sent = [];
  closedWith = null;

  constructor(url, protocols) {
    this.url = url;
    this.protocols = protocols;
    FakeSocket.made.push(this);
  }

  send(text) {
    this.sent.push(JSON.parse(text));
  }

  close(code = "no code") {
    this.closedWith = code;
  }

  opens() {
    this.onopen();
  }

  receives(message) {
    this.onmessage({ data: JSON.stringify(message) });
  }

  closes(code, reason = "") {
    this.onclose({ code, reason });
  }
}
