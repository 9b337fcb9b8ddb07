import assert from "node:assert/strict";
import { beforeEach, mock, test } from "node:test";
import { webModule } from "../../../../testing/places.js";

const { LiveClient } = await webModule("shared/live.js");

beforeEach(() => {
  mock.timers.reset();
  mock.timers.enable({ apis: ["setTimeout", "Date"] });
  FakeSocket.made = [];
});

test("it asks for the JSON codec, subscribes, and hands on what is published", async () => {
  const { client, seen, socket } = connect(["room/a"]);

  assert.deepEqual(socket().protocols, ["live.v1.json"]);
  assert.deepEqual(socket().sent, [{ type: "subscribe", topic: "room/a", ref: "1" }]);
  socket().hears({ type: "ack", ref: "1" });
  await settled();
  socket().hears({ type: "message", topic: "room/a", data: { text: "hi" } });

  assert.equal(client.isJoined("room/a"), true);
  assert.deepEqual(seen, ["connecting", "connected", "joined room/a first", 'message room/a {"text":"hi"}']);
});

test("publishing waits for its ack", async () => {
  const { client, socket } = await joined("room/a");

  const published = client.publish("room/a", { text: "x" });
  const { ref } = socket().sent.at(-1);
  socket().hears({ type: "error", ref, data: { code: "bad_payload", reason: "text is too long" } });

  await assert.rejects(published, { code: "bad_payload", message: "text is too long" });
});

test("publishing without a connection fails at once, one cut short fails as lost", async () => {
  const { client, socket } = await joined("room/a");

  const underWay = client.publish("room/a", {});
  socket().ends(1006);

  await assert.rejects(underWay, { code: "connection_lost" });
  await assert.rejects(client.publish("room/a", {}), { code: "not_connected" });
});

test("it comes back by itself and subscribes again", async () => {
  const { seen, socket } = await joined("room/a");

  socket().ends(1006);
  mock.timers.tick(125); // half of the first ceiling: chance is one half here
  socket().opens();

  assert.equal(FakeSocket.made.length, 2);
  assert.equal(socket().sent[0].type, "subscribe");
  assert.deepEqual(seen.slice(-3), ["waiting", "connecting", "connected"]);
});

test("attempts that fail back off, and a steady connection starts anew", async () => {
  const { client, socket } = await joined("room/a");

  const delays = [];
  for (let i = 0; i < 4; i++) {
    socket().ends(1006);
    delays.push(client.state.retryAt - Date.now());
    mock.timers.tick(delays.at(-1));
  }
  socket().opens();
  mock.timers.tick(5_000);
  socket().ends(1006);
  delays.push(client.state.retryAt - Date.now());

  assert.deepEqual(delays, [125, 250, 500, 1000, 125]);
});

test("a goodbye's window is kept to", async () => {
  const { client, socket } = await joined("room/a");

  socket().hears({ type: "goodbye", data: { code: 1012, reason: "restart", reconnectInMs: [1_000, 3_000] } });
  socket().ends(1012);

  assert.equal(client.state.retryAt - Date.now(), 2_000);
});

test("kicked is kicked, until the person asks", async () => {
  const { client, socket } = await joined("room/a");

  socket().ends(4403, "be nice");
  mock.timers.tick(1_000_000);
  assert.deepEqual(client.state, { kind: "stopped", code: 4403, reason: "be nice" });
  assert.equal(FakeSocket.made.length, 1);

  client.connect();
  assert.equal(FakeSocket.made.length, 2);
});

test("trying now does not wait, and leaves no second attempt behind", async () => {
  const { client, socket } = await joined("room/a");
  socket().ends(1013);

  client.connect();
  socket().opens();
  mock.timers.tick(10_000);

  assert.equal(FakeSocket.made.length, 2);
});

test("a connection that says nothing is asked, and given up when it does not answer", async () => {
  const { client, socket } = await joined("room/a");

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

test("a server that does not answer the first call is given up after ten seconds", () => {
  const { client } = start([]);

  mock.timers.tick(10_000);

  assert.equal(client.state.kind, "waiting");
});

test("a ping is answered with its ref", async () => {
  const { socket } = await joined("room/a");

  socket().hears({ type: "ping", ref: "7" });

  assert.deepEqual(socket().sent.at(-1), { type: "pong", ref: "7" });
});

test("a refused subscription is told once, one that must wait is tried again", async () => {
  const { seen, socket } = connect(["room/a", "room/b"]);

  socket().hears({ type: "error", ref: "1", topic: "room/a", data: { code: "forbidden", reason: "members only" } });
  socket().hears({ type: "error", ref: "2", topic: "room/b", data: { code: "rate_limited", reason: "slow", retryAfterMs: 400 } });
  await settled();
  mock.timers.tick(400);

  assert.equal(seen.at(-1), "refused room/a members only");
  assert.deepEqual(socket().sent.at(-1), { type: "subscribe", topic: "room/b", ref: "3" });
});

test("it comes back with its place in the history, and skips what it has", async () => {
  const { seen, socket } = connect(["room/a"]);
  socket().hears({ type: "ack", ref: "1", data: { epoch: "e", offset: 7, recovered: false } });
  await settled();
  for (const offset of [7, 8, 9]) socket().hears({ type: "message", topic: "room/a", offset, data: offset });

  socket().ends(1006);
  mock.timers.tick(125);
  socket().opens();
  assert.deepEqual(socket().sent, [{ type: "subscribe", topic: "room/a", ref: "2", data: { since: { epoch: "e", offset: 9 } } }]);
  socket().hears({ type: "ack", ref: "2", data: { epoch: "e", offset: 11, recovered: true } });
  await settled();
  for (const offset of [9, 10, 11, 12]) socket().hears({ type: "message", topic: "room/a", offset, data: offset });

  const told = seen.filter((line) => line.includes("room/a"));
  assert.deepEqual(told, ["joined room/a first", "message room/a 8", "message room/a 9", "joined room/a recovered 2", "message room/a 10", "message room/a 11", "message room/a 12"]);
});

test("what the server no longer has is told as a gap, and so is a topic without a history", async () => {
  const { seen, socket } = connect(["room/a", "room/b"]);
  for (const [ref, data] of [["1", { epoch: "e", offset: 7, recovered: false }], ["2", undefined]]) socket().hears({ type: "ack", ref, data });
  await settled();

  socket().ends(1006);
  mock.timers.tick(125);
  socket().opens();
  for (const [ref, data] of [["3", { epoch: "of a new server", offset: 2, recovered: false }], ["4", undefined]]) socket().hears({ type: "ack", ref, data });
  await settled();
  for (const offset of [2, 3]) socket().hears({ type: "message", topic: "room/a", offset, data: offset });

  assert.deepEqual(seen.slice(-3), ["joined room/a gap", "joined room/b gap", "message room/a 3"]);
});

test("a topic can begin at a place that is known from elsewhere, with words of the application's", async () => {
  const { client, seen, socket } = connect([]);

  client.subscribe("room/a", { since: { epoch: "e", offset: 3 }, params: { device: "phone" } });
  assert.deepEqual(socket().sent[0].data, { since: { epoch: "e", offset: 3 }, params: { device: "phone" } });
  socket().hears({ type: "ack", ref: "1", data: { epoch: "e", offset: 5, recovered: true } });
  await settled();

  assert.equal(seen.at(-1), "joined room/a recovered 2");
});

test("a request resolves to the data of its reply, and fails at once without a connection", async () => {
  const { client, socket } = await joined("room/a");

  const reply = client.request("count", "lobby");
  const { ref, ...request } = socket().sent.at(-1);
  socket().hears({ type: "reply", ref, data: 5 });
  assert.deepEqual(request, { type: "count", data: "lobby" });
  assert.equal(await reply, 5);

  socket().ends(1006);
  await assert.rejects(client.request("count", "lobby"), { code: "not_connected" });
});

test("presence and messages of no topic have handlers of their own", async () => {
  const { seen, socket } = await joined("room/a");

  socket().hears({ type: "presence", topic: "room/a", data: { count: 3 } });
  socket().hears({ type: "presence", topic: "room/other", data: { count: 4 } });
  socket().hears({ type: "ring", data: "phone" });

  assert.deepEqual(seen.slice(-2), ['presence room/a {"count":3}', 'direct ring "phone"']);
});

test("what a topic says in its ack and in types of its own has its places, while it is joined", async () => {
  const { client, seen, socket } = connect(["sync:a"]);
  socket().hears({ type: "ack", ref: "1", data: { welcome: { cursor: 7 } } });
  await settled();
  socket().hears({ type: "sync", topic: "sync:a", data: { cursor: 8 } });
  socket().hears({ type: "sync", topic: "sync:other", data: { cursor: 9 } });
  client.unsubscribe("sync:a");
  socket().hears({ type: "sync", topic: "sync:a", data: { cursor: 10 } });

  assert.deepEqual(seen.slice(2), ['joined sync:a first {"cursor":7}', 'typed sync:a sync {"cursor":8}']);
});

test("a question of the server's is answered with unknown_type, and being taken out of a topic is told", async () => {
  const { client, seen, socket } = await joined("room/a");

  socket().hears({ type: "confirm", ref: "$1", data: "really?" });
  socket().hears({ type: "unsubscribe", topic: "room/a" });
  socket().hears({ type: "message", topic: "room/a", data: "too late" });

  assert.deepEqual(socket().sent.at(-1), { type: "error", ref: "$1", data: { code: "unknown_type", reason: "no handler" } });
  assert.equal(seen.at(-1), "refused room/a the server took this client out");
  assert.equal(client.isJoined("room/a"), false);
});

test("a token goes along as a subprotocol, in the alphabet of URLs and without padding", () => {
  new LiveClient("ws://test/live", {}, { WebSocket: FakeSocket, token: "ä?~x" }).connect();

  assert.deepEqual(FakeSocket.made.at(-1).protocols, ["live.v1.json", "live.bearer.w6Q_fng"]);
});

test("frames that nobody can read do no harm", async () => {
  const { client, socket } = await joined("room/a");

  for (const text of ["", "null", "[]", "{", '"x"', '{"type":5}', '{"type":"unheard-of"}', '{"type":"goodbye"}', '{"type":"message"}']) socket().onmessage({ data: text });

  assert.equal(client.state.kind, "connected");
});

function start(topics) {
  const seen = [];
  const client = new LiveClient(
    "ws://test/live",
    {
      state: ({ kind }) => seen.push(kind),
      joined: (topic, recovery, missed, welcome) => seen.push(["joined", topic, recovery, missed || "", welcome && JSON.stringify(welcome)].filter(Boolean).join(" ")),
      typed: (topic, type, data) => seen.push(`typed ${topic} ${type} ${JSON.stringify(data)}`),
      presence: (topic, data) => seen.push(`presence ${topic} ${JSON.stringify(data)}`),
      direct: (type, data) => seen.push(`direct ${type} ${JSON.stringify(data)}`),
      message: (topic, data) => seen.push(`message ${topic} ${JSON.stringify(data)}`),
      refused: (topic, error) => seen.push(`refused ${topic} ${error.message}`),
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

async function joined(topic) {
  const connected = connect([topic]);
  connected.socket().hears({ type: "ack", ref: "1" });
  await settled();
  return connected;
}

/** Lets promises that are settled run their continuations. */
async function settled() {
  for (let i = 0; i < 10; i++) await null;
}

/** A WebSocket that does what the test says. */
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

  hears(message) {
    this.onmessage({ data: JSON.stringify(message) });
  }

  ends(code, reason = "") {
    this.onclose({ code, reason });
  }
}
