import assert from "node:assert/strict";
import { beforeEach, mock, test } from "node:test";
import { webModule } from "../support/places.js";

const { LiveClient } = await webModule("live.js");

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
  assert.deepEqual(seen, ["connecting", "connected", "joined room/a", 'message room/a {"text":"hi"}']);
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
      joined: (topic) => seen.push(`joined ${topic}`),
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
