import assert from "node:assert/strict";
import { test } from "node:test";
import { LiveError, type Presence, onPresence, raw, validated } from "../src/index.js";
import { FakeSocket } from "./support/fake-socket.js";
import { Fixture } from "./support/fixture.js";

/** A client with one listener, whose events are in `log`. */
class TopicFixture extends Fixture {
  readonly log: unknown[] = [];
  readonly topic = this.live.topic<unknown>("t");
  stop = this.topic.subscribe(this.listener());

  listener(name?: string) {
    const tag = name ? [name] : [];
    return {
      message: (value: unknown) => void this.log.push([...tag, value]),
      subscribed: (recovery: string, welcome: unknown) =>
        void this.log.push([...tag, recovery, ...(welcome === undefined ? [] : [welcome])]),
      error: (e: LiveError) => void this.log.push([...tag, "error", e.code]),
    };
  }

  /** Opens a connection whose server acknowledges the subscribe with `data`. */
  async subscribed(data?: unknown): Promise<void> {
    await this.opened();
    this.socket.answer("subscribe", { data });
    await this.pass(0);
  }

  push(value: unknown, offset?: number): void {
    this.socket.push({ type: "message", topic: "t", data: value, ...(offset && { offset }) });
  }

  async reconnected(data?: unknown): Promise<void> {
    this.socket.cut();
    await this.pass(1_000);
    await this.subscribed(data);
  }
}

const at = (offset: number, recovered = false, epoch = "e") => ({ epoch, offset, recovered });

test("a listener subscribes, and receives the messages after the ack", async () => {
  const f = new TopicFixture();
  await f.opened();
  assert.deepEqual(f.socket.sent, [{ type: "subscribe", topic: "t", ref: "~1" }]);
  f.push("early");
  f.socket.answer("subscribe");
  f.push({ text: "hi" });
  f.socket.push({ type: "message", topic: "t", body: "AQI=" as never });

  assert.deepEqual(f.log, [["first"], [{ text: "hi" }], [Uint8Array.of(1, 2)]]);
});

test("without listeners the topic stays subscribed for a second, and is then unsubscribed", async () => {
  const f = new TopicFixture();
  await f.subscribed();
  f.stop();
  await f.pass(999);
  const stop = f.topic.subscribe(f.listener("again"));
  await f.pass(10_000);
  assert.equal(f.socket.sent.length, 1);
  assert.deepEqual(f.log, [["first"], ["again", "first"]]);
  stop();
  await f.pass(1_000);

  assert.deepEqual(f.socket.sent.at(-1), { type: "unsubscribe", topic: "t", ref: "~2" });
  f.push("late");
  assert.equal(f.log.length, 2);
});

test("a listener that is removed and added at once changes nothing on the wire", async () => {
  const f = new TopicFixture();
  f.stop();
  const stop = f.topic.subscribe(() => {});
  stop();
  f.topic.subscribe(() => {});
  await f.opened();

  assert.equal(f.socket.sent.length, 1);
});

test("a quick unsubscribe and subscribe cannot cross", async () => {
  const f = new TopicFixture();
  await f.subscribed();
  f.stop();
  await f.pass(1_000);
  f.topic.subscribe(f.listener("new"));
  await f.pass(0);
  assert.deepEqual(
    f.socket.sent.map((m) => m.type),
    ["subscribe", "unsubscribe"],
  );
  f.socket.answer("unsubscribe");
  await f.pass(0);
  f.socket.answer("subscribe");

  assert.deepEqual(
    f.socket.sent.map((m) => m.ref),
    ["~1", "~2", "~3"],
  );
  assert.deepEqual(f.log.at(-1), ["new", "first"]);
});

test("an aborted signal removes a listener", async () => {
  const f = new TopicFixture();
  const abort = new AbortController();
  f.topic.subscribe(f.listener("b"), { signal: abort.signal });
  f.topic.subscribe(f.listener("never"), { signal: AbortSignal.abort() });
  await f.subscribed();
  abort.abort();
  f.push(1);

  assert.deepEqual(f.log, [["first"], ["b", "first"], [1]]);
});

test("after a reconnect the client continues after the newest offset, and drops what it has", async () => {
  const f = new TopicFixture();
  await f.subscribed(at(5));
  f.push("a", 6);
  f.push("b", 7);
  await f.reconnected(at(9, true));
  assert.deepEqual(f.socket.sent[0].data, { since: { epoch: "e", offset: 7 } });
  for (const offset of [6, 7, 8, 8, 9]) f.push(`m${offset}`, offset);

  assert.deepEqual(f.log, [["first"], ["a"], ["b"], ["recovered"], ["m8"], ["m9"]]);
});

test("an epoch that continues the known one replaces it", async () => {
  const f = new TopicFixture();
  await f.subscribed(at(5));
  f.push("a", 6);
  await f.reconnected(at(6, true, "e2"));
  await f.reconnected(at(6, true, "e2"));

  assert.deepEqual(f.socket.sent[0].data, { since: { epoch: "e2", offset: 6 } });
});

test("a history that does not reach back is a gap, and the client continues from the ack", async () => {
  const f = new TopicFixture();
  await f.subscribed(at(5));
  await f.reconnected(at(100, false, "new"));
  f.push("old", 99);
  f.push("b", 101);

  assert.deepEqual(f.log, [["first"], ["gap"], ["b"]]);
});

test("a topic without history reports a gap after each reconnect", async () => {
  const f = new TopicFixture();
  await f.subscribed();
  await f.reconnected();

  assert.deepEqual(f.log, [["first"], ["gap"]]);
  assert.equal("data" in f.socket.sent[0], false);
});

test("a subscribe of the server with recovered continues without a gap, and else is one", async () => {
  const f = new TopicFixture();
  await f.subscribed(at(5));
  f.push("a", 6);
  f.socket.push({ type: "subscribe", topic: "t", data: at(6, true, "e2") });
  f.push("again", 6);
  f.push("b", 7);
  f.socket.push({ type: "subscribe", topic: "t", data: at(20) });
  f.push("c", 21);
  await f.reconnected(at(21, true));

  assert.deepEqual(f.log, [["first"], ["a"], ["recovered"], ["b"], ["gap"], ["c"], ["recovered"]]);
  assert.deepEqual(f.socket.sent[0].data.since, { epoch: "e", offset: 21 });
});

test("a listener that starts later receives only newer messages, and does not miss any after a reconnect", async () => {
  const f = new TopicFixture();
  await f.subscribed(at(5));
  f.push("a", 6);
  f.topic.subscribe(f.listener("late"));
  f.push("b", 7);
  await f.reconnected(at(8, true));
  f.push("c", 8);

  const late = f.log.filter((entry) => (entry as unknown[])[0] == "late");
  assert.deepEqual(late, [
    ["late", "first"],
    ["late", "b"],
    ["late", "recovered"],
    ["late", "c"],
  ]);
});

test("the first listener after a while receives current welcome data", async () => {
  const f = new TopicFixture();
  await f.subscribed({ welcome: { price: 1 } });
  f.stop();
  f.topic.subscribe(f.listener("b"));
  await f.pass(0);
  f.socket.answer("unsubscribe");
  await f.pass(0);
  f.socket.answer("subscribe", { data: { welcome: { price: 2 } } });

  assert.deepEqual(f.log, [
    ["first", { price: 1 }],
    ["b", "first", { price: 2 }],
  ]);
});

test("params are sent with each subscribe, of the newest listener that has some", async () => {
  const f = new TopicFixture();
  f.live.topic("t", { params: { lang: "en" } }).subscribe(() => {});
  f.live.topic("t").subscribe(() => {});
  await f.subscribed(at(3));
  assert.deepEqual(f.socket.sent[0].data, { params: { lang: "en" } });
  await f.reconnected(at(3, true));

  assert.deepEqual(f.socket.sent[0].data, { since: { epoch: "e", offset: 3 }, params: { lang: "en" } });
});

for (const code of ["forbidden", "unknown_topic", "too_many_topics", "bad_payload", "custom"])
  test(`the error ${code} fails all listeners, and nothing is sent again`, async () => {
    const f = new TopicFixture();
    await f.opened();
    f.socket.answer("subscribe", { type: "error", data: { code, reason: "no" } });
    await f.pass(60_000);

    assert.deepEqual(f.log, [["error", code]]);
    assert.equal(f.socket.sentOf("subscribe").length, 1);
  });

test("a temporary error fails listeners that were never subscribed, and is retried for the others", async () => {
  const f = new TopicFixture();
  await f.opened();
  f.socket.answer("subscribe", { type: "error", data: { code: "internal", reason: "no" } });
  assert.deepEqual(f.log, [["error", "internal"]]);
  f.topic.subscribe(f.listener("b"));
  await f.pass(0);
  f.socket.answer("subscribe");
  f.socket.cut();
  await f.pass(125);
  await f.opened();
  f.socket.answer("subscribe", { type: "error", data: { code: "timeout", reason: "no" } });
  await f.pass(1_249);
  assert.equal(f.socket.sentOf("subscribe").length, 1);
  await f.pass(1);
  f.socket.answer("subscribe");

  assert.deepEqual(f.log.slice(1), [
    ["b", "first"],
    ["b", "gap"],
  ]);
});

test("a new listener waits for the retry after rate_limited", async () => {
  const f = new TopicFixture();
  await f.opened();
  f.socket.answer("subscribe", { type: "error", data: { code: "rate_limited", reason: "", retryAfterMs: 2_000 } });
  await f.pass(2_499);
  assert.equal(f.socket.sentOf("subscribe").length, 1);
  await f.pass(1);
  f.socket.answer("subscribe");

  assert.deepEqual(f.log, [["first"]]);
});

test("a retryAfterMs of years does not become a hot loop", async () => {
  const f = new TopicFixture();
  await f.subscribed(at(1));
  f.socket.cut();
  await f.pass(125);
  await f.opened();
  f.socket.answer("subscribe", { type: "error", data: { code: "rate_limited", reason: "", retryAfterMs: 1e15 } });
  await f.pass(20_000);

  assert.equal(f.socket.sentOf("subscribe").length, 1);
});

test("a subscribe without a reply fails new listeners, and the client gets back to a known state", async () => {
  const f = new TopicFixture();
  await f.opened();
  await f.pass(5_000);
  f.socket.push({ type: "message", topic: "other" });
  await f.pass(5_000);
  assert.deepEqual(f.log, [["error", "timeout"]]);
  assert.deepEqual(
    f.socket.sent.map((m) => m.type),
    ["subscribe", "unsubscribe"],
  );
  f.topic.subscribe(f.listener("b"));
  f.socket.push({ type: "ack", ref: "~1", topic: "t" }); // too late
  await f.pass(0);
  f.socket.answer("unsubscribe");
  await f.pass(0);
  f.socket.answer("subscribe");

  assert.deepEqual(f.log.slice(1), [["b", "first"]]);
});

test("while nothing at all is received, the heartbeat decides about a late reply", async () => {
  const f = new TopicFixture();
  await f.opened();
  await f.pass(59_000);
  assert.deepEqual(f.log, []);
  await f.pass(1_125);
  await f.subscribed();

  assert.deepEqual(f.log, [["first"]]);
});

test("an unsubscribe of the server fails the listeners, and its reason is the error's", async () => {
  const f = new TopicFixture();
  const reasons: string[] = [];
  f.topic.subscribe({ error: (e) => reasons.push(e.message) });
  await f.subscribed();
  f.socket.push({ type: "unsubscribe", topic: "t", data: { reason: "closed for today" } });
  f.push("late");

  assert.deepEqual(f.log, [["first"], ["error", "not_subscribed"]]);
  assert.deepEqual(reasons, ["closed for today"]);
});

test("an unsubscribe of the server before the ack ends one that it had made itself", async () => {
  const f = new TopicFixture();
  await f.opened();
  f.socket.push({ type: "unsubscribe", topic: "t" });
  f.socket.answer("subscribe");

  assert.deepEqual(f.log, [["first"]]);
});

test("a subscribe with large params is not sent again after close 1009", async () => {
  const f = new TopicFixture();
  f.live.topic("big", { params: "x".repeat(2_000) }).subscribe(f.listener("big"));
  await f.opened();
  f.socket.cut(1009);
  await f.pass(125);
  await f.opened();

  assert.deepEqual(f.log, [["big", "error", "too_large"]]);
  assert.deepEqual(
    f.socket.sentOf("subscribe").map((m) => m.topic),
    ["t"],
  );
});

test("a listener that throws is reported, and stops neither others nor later messages", async () => {
  const f = new TopicFixture();
  f.stop();
  f.topic.subscribe({
    message: () => {
      throw new Error("mine");
    },
    subscribed: () => {
      throw new Error("mine too");
    },
  });
  f.topic.subscribe(f.listener("b"));
  await f.subscribed();
  f.push(1);
  f.push(2);
  await f.pass(0);

  assert.deepEqual(f.log, [
    ["b", "first"],
    ["b", 1],
    ["b", 2],
  ]);
  assert.deepEqual(
    f.time.reported.map((e) => (e as Error).message),
    ["mine too", "mine", "mine"],
  );
});

test("the error of a listener without an error function is reported", async () => {
  const f = new Fixture();
  f.live.topic("t").subscribe(() => {});
  await f.opened();
  f.socket.answer("subscribe", { type: "error", data: { code: "forbidden", reason: "members only" } });
  await f.pass(0);

  assert.ok(f.time.reported[0] instanceof LiveError);
  assert.match(String(f.time.reported[0]), /members only/);
});

test("a listener may remove itself, add others and close the client during a message", async () => {
  const f = new TopicFixture();
  f.stop();
  const stop = f.topic.subscribe(() => {
    stop();
    f.topic.subscribe(f.listener("new"));
  });
  f.topic.subscribe((value) => value == "end" && f.live.close());
  f.topic.subscribe(f.listener("last"));
  await f.subscribed();
  f.push(1);
  f.push("end");

  assert.deepEqual(f.log, [
    ["last", "first"],
    ["new", "first"],
    ["last", 1],
  ]);
});

test("a schema checks the payloads", async () => {
  const schema = {
    "~standard": {
      validate: (value: any) =>
        typeof value?.text == "string" ? { value: { text: value.text } } : { issues: [{ message: "text is missing" }] },
    },
  };
  const f = new TopicFixture();
  const skipped: string[] = [];
  f.live.topic("t", validated(schema, { onBadPayload: (e) => skipped.push(e.message) })).subscribe(f.listener("skips"));
  f.live.topic("t", validated(schema)).subscribe(f.listener("fails"));
  f.stop();
  await f.subscribed();
  f.push({ text: "a", more: 1 });
  f.push({ text: 1 });
  f.push({ text: "b" });

  assert.deepEqual(f.log.slice(2), [
    ["skips", { text: "a" }],
    ["fails", { text: "a" }],
    ["fails", "error", "bad_payload"],
    ["skips", { text: "b" }],
  ]);
  assert.deepEqual(skipped, ["text is missing"]);
});

test("an asynchronous schema is an error, because it would change the order", async () => {
  const schema = { "~standard": { validate: async (value: unknown) => ({ value }) } };
  const f = new TopicFixture();
  f.live.topic("t", validated(schema)).subscribe(f.listener("a"));
  await f.subscribed();
  f.push(1);

  assert.deepEqual(f.log.at(-1), ["a", "error", "bad_payload"]);
});

test("a raw topic receives messages of every type", async () => {
  const f = new TopicFixture();
  f.stop();
  const types: string[] = [];
  f.live.topic("t", raw()).subscribe((message) => types.push(message.type));
  await f.subscribed();
  f.socket.push({ type: "cursor.moved", topic: "t", data: [1, 2] });
  f.push(1);

  assert.deepEqual(types, ["cursor.moved", "message"]);
});

test("a message that belongs to no topic is an event of the client", async () => {
  const f = new Fixture();
  const seen: unknown[] = [];
  f.live.addEventListener("message", (event) => seen.push((event as CustomEvent).detail));
  await f.opened();
  f.socket.push({ type: "notice", data: 1 });
  f.socket.push({ type: "ack", ref: "~zz" });
  f.socket.push({ type: "message", topic: "gone", data: 2 });
  f.socket.push({ type: "pong" });

  assert.deepEqual(seen, [{ type: "notice", data: 1 }]);
});

test("presence follows joins and leaves, with keys of any text", async () => {
  const f = new Fixture();
  const topic = f.live.topic("t");
  const seen: Presence<unknown>[] = [];
  const stop = onPresence(topic, (presence) => seen.push(presence));
  await f.opened();
  f.socket.answer("subscribe");
  const push = (data: string): void => f.socket.push(`{"type":"presence","topic":"t","data":${data}}`);
  push('{"state":{"ann":[{"d":1},{"d":2}],"__proto__":[{}]}}');
  push('{"joins":{"bob":[{"d":3}]},"leaves":{"ann":[{"d":2}],"__proto__":[{}]}}');
  push('"nonsense"');
  const second: Presence<unknown>[] = [];
  onPresence(topic, (presence) => second.push(presence));
  push('{"count":5000}');
  push('{"state":{"ann":[{}]}}');

  assert.deepEqual(
    seen.map(({ members, count, isListed }) => [[...members], count, isListed]),
    [
      [
        [
          ["ann", [{ d: 1 }, { d: 2 }]],
          ["__proto__", [{}]],
        ],
        3,
        true,
      ],
      [
        [
          ["ann", [{ d: 1 }]],
          ["bob", [{ d: 3 }]],
        ],
        2,
        true,
      ],
      [[], 5000, false],
      [[["ann", [{}]]], 1, true],
    ],
  );
  assert.equal(second[0], seen[1]);
  stop();
  assert.equal(f.socket.sentOf("subscribe").length, 1);
});

test("a presence listener of a subscribed topic starts with the full state", async () => {
  const f = new TopicFixture();
  await f.subscribed();
  const counts: number[] = [];
  onPresence(f.topic, (presence) => counts.push(presence.count));
  await f.pass(0);
  f.socket.answer("unsubscribe");
  await f.pass(0);
  f.socket.answer("subscribe");
  f.socket.push({ type: "presence", topic: "t", data: { state: { ann: [{}] } } });

  assert.deepEqual(counts, [1]);
});

test("at most 64 subscribes are unanswered", async () => {
  const f = new Fixture();
  for (let n = 0; n < 200; n++) f.live.topic(`t${n}`).subscribe(() => {});
  await f.opened();
  assert.equal(f.socket.sent.length, 64);
  for (let n = 0; n < 200; n++) {
    const { topic, ref } = f.socket.sent[n];
    f.socket.push({ type: "ack", topic, ref });
    await f.pass(0);
    assert.equal(f.socket.sent.length, Math.min(200, 65 + n));
  }

  assert.deepEqual(
    f.socket.sent.map((m) => m.topic),
    [...Array(200).keys()].map((n) => `t${n}`),
  );
});

test("a rate limit for subscribes slows the client down without a close", async () => {
  const f = new Fixture();
  let subscribed = 0;
  for (let n = 0; n < 300; n++) f.live.topic(`t${n}`).subscribe({ subscribed: () => void subscribed++ });
  await f.pass(0);
  // 50 per second with a burst of 100, as a server enforces it
  let tokens = 100;
  let refilledAt = f.time.now;
  let rejected = 0;
  f.socket.onSent = ({ type, topic, ref }) => {
    if (type != "subscribe") return;
    tokens = Math.min(100, tokens + ((f.time.now - refilledAt) * 50) / 1_000);
    refilledAt = f.time.now;
    const isAccepted = tokens >= 1;
    if (isAccepted) tokens--;
    else rejected++;
    const data = { code: "rate_limited", reason: "", retryAfterMs: Math.ceil((1 - tokens) * 20) };
    setTimeout(() => f.socket.push(isAccepted ? { type: "ack", topic, ref } : { type: "error", topic, ref, data }), 1);
  };
  f.socket.open();
  await f.pass(30_000);

  assert.equal(subscribed, 300);
  assert.ok(rejected < 100, `${rejected} rejected`);
  assert.equal(FakeSocket.all.length, 1);
});

test("a closed client ends its listeners, with an error unless the application closed it", async () => {
  const f = new TopicFixture();
  await f.subscribed();
  f.socket.cut(4403);
  await f.pass(0);
  assert.deepEqual(f.log, [["first"], ["error", "closed"]]);
  f.topic.subscribe(f.listener("late"));
  assert.deepEqual(f.log.at(-1), ["late", "error", "closed"]);

  const g = new TopicFixture();
  await g.subscribed();
  g.live.close();
  assert.deepEqual(g.log, [["first"]]);
});

test("invalid topic names are errors", () => {
  const f = new Fixture();
  for (const name of ["", "a\n", "x".repeat(257), "\ud800"]) assert.throws(() => f.live.topic(name), TypeError);
});
