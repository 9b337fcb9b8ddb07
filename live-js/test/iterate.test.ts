import assert from "node:assert/strict";
import { test } from "node:test";
import { type IterateOptions, messages, updates, validated } from "../src/index.js";
import { Fixture, errorOf } from "./support/fixture.js";

const at = (offset: number, recovered = false) => ({ epoch: "e", offset, recovered });

class IterateFixture extends Fixture {
  readonly topic = this.live.topic<number>("t");

  async subscribed(data?: unknown): Promise<void> {
    await this.opened();
    this.socket.answer("subscribe", { data });
    await this.pass(0);
  }

  push(from: number, to = from): void {
    for (let n = from; n <= to; n++) this.socket.push({ type: "message", topic: "t", data: n, offset: n });
  }

  start(options?: IterateOptions): AsyncIterator<any> {
    return updates(this.topic, options)[Symbol.asyncIterator]();
  }
}

const textOf = ({ value, done }: IteratorResult<any>): unknown =>
  done ? "done" : value.type == "subscribed" ? value.recovery : value.value;

/** Takes the next `count` updates. */
const take = async (iterator: AsyncIterator<any>, count: number): Promise<unknown[]> => {
  const taken = [];
  for (let n = 0; n < count; n++) taken.push(textOf(await iterator.next()));
  return taken;
};

test("messages are iterated in order, and a break unsubscribes", async () => {
  const f = new IterateFixture();
  const seen: number[] = [];
  const loop = (async () => {
    for await (const value of messages(f.topic)) {
      seen.push(value);
      if (value == 3) break;
    }
  })();
  await f.subscribed();
  f.push(1, 5);
  await loop;
  await f.pass(1_000);

  assert.deepEqual(seen, [1, 2, 3]);
  assert.equal(f.socket.sentOf("unsubscribe").length, 1);
});

test("nothing is subscribed before the iteration begins", async () => {
  const f = new IterateFixture();
  messages(f.topic);
  await f.opened();

  assert.equal(f.socket.sent.length, 0);
});

test("updates report the recovery between the messages, with their offsets", async () => {
  const f = new IterateFixture();
  const iterator = f.start();
  await f.subscribed(at(0));
  f.push(1);
  f.socket.cut();
  await f.pass(125);
  await f.subscribed(at(2, true));
  f.push(2);

  assert.deepEqual(await take(iterator, 3), ["first", 1, "recovered"]);
  assert.deepEqual((await iterator.next()).value, { type: "message", value: 2, offset: 2 });
});

test("an aborted signal ends the iteration, before and during it", async () => {
  const f = new IterateFixture();
  const abort = new AbortController();
  const iterator = f.start({ signal: abort.signal });
  await f.subscribed();
  assert.deepEqual(await take(iterator, 1), ["first"]);
  const next = iterator.next();
  abort.abort();
  assert.equal(textOf(await next), "done");
  assert.equal(textOf(await f.start({ signal: abort.signal }).next()), "done");
  await f.pass(1_000);

  assert.equal(f.socket.sentOf("unsubscribe").length, 1);
});

test("an iterator fails once with the error of its subscription, and is then done", async () => {
  const f = new IterateFixture();
  const iterator = f.start();
  await f.opened();
  f.socket.answer("subscribe", { type: "error", data: { code: "forbidden", reason: "no" } });

  assert.equal((await errorOf(iterator.next())).code, "forbidden");
  assert.equal(textOf(await iterator.next()), "done");
});

test("an iterator is done when the application closes the client, after the buffered updates", async () => {
  const f = new IterateFixture();
  const iterator = f.start();
  await f.subscribed();
  f.push(1);
  f.live.close();

  assert.deepEqual(await take(iterator, 3), ["first", 1, "done"]);
  assert.deepEqual(await take(f.start(), 1), ["done"]);
});

test("a slow iterator pauses the topic, and recovers from the history without loss or duplicates", async () => {
  const f = new IterateFixture();
  const iterator = f.start();
  const fast: number[] = [];
  f.topic.subscribe((value) => fast.push(value));
  await f.subscribed(at(0));
  f.push(1, 100);
  await f.pass(0);
  assert.equal(f.socket.sentOf("unsubscribe").length, 1);
  f.push(101);
  f.socket.answer("unsubscribe");
  await f.pass(60);
  assert.equal(f.socket.sentOf("subscribe").length, 1); // the buffer is still full
  assert.deepEqual(await take(iterator, 64), ["first", ...Array.from({ length: 63 }, (_, n) => n + 1)]);
  await f.pass(0);
  assert.deepEqual(f.socket.sentOf("subscribe")[1].data, { since: { epoch: "e", offset: 63 } });
  f.socket.answer("subscribe", { data: at(110, true) });
  const later = take(iterator, 48);
  f.push(64, 110);

  assert.deepEqual(await later, ["recovered", ...Array.from({ length: 47 }, (_, n) => n + 64)]);
  assert.deepEqual(
    fast,
    Array.from({ length: 110 }, (_, n) => n + 1),
  );
});

test("a slow iterator of a topic without history fails after the buffered updates, and others continue", async () => {
  const f = new IterateFixture();
  const iterator = f.start();
  let count = 0;
  f.topic.subscribe(() => void count++);
  await f.subscribed();
  f.push(1, 100);

  assert.equal((await take(iterator, 64)).length, 64);
  assert.equal((await errorOf(iterator.next())).code, "slow_collector");
  assert.equal(count, 100);
});

test("with overflow fail a slow iterator also fails on a topic with history", async () => {
  const f = new IterateFixture();
  const iterator = f.start({ overflow: "fail" });
  await f.subscribed(at(0));
  f.push(1, 64);
  await take(iterator, 64);

  assert.equal((await errorOf(iterator.next())).code, "slow_collector");
});

test("with overflow drop-oldest the newest updates and a gap remain", async () => {
  const f = new IterateFixture();
  const iterator = f.start({ overflow: "drop-oldest" });
  await f.subscribed(at(0));
  await take(iterator, 1);
  f.socket.push({ type: "subscribe", topic: "t", data: at(0) });
  f.push(1, 100);

  assert.deepEqual(await take(iterator, 64), ["gap", ...Array.from({ length: 63 }, (_, n) => n + 38)]);
});

test("a gap that did not fit is reported later", async () => {
  const f = new IterateFixture();
  const iterator = f.start();
  await f.subscribed(at(0));
  f.push(1, 63);
  f.socket.push({ type: "subscribe", topic: "t", data: at(500) });
  await f.pass(0);
  f.socket.answer("unsubscribe");
  await take(iterator, 64);
  await f.pass(0);
  f.socket.answer("subscribe", { data: at(500, true) });

  assert.deepEqual(await take(iterator, 1), ["gap"]);
});

test("an iterator fails with bad_payload if a payload does not match the schema", async () => {
  const f = new IterateFixture();
  const schema = { "~standard": { validate: () => ({ issues: [{ message: "not a number" }] }) } };
  const iterator = messages(f.live.topic("t", validated(schema)))[Symbol.asyncIterator]();
  await f.subscribed();
  const next = errorOf(iterator.next());
  f.push(1);

  assert.equal((await next).code, "bad_payload");
  assert.equal(textOf(await iterator.next()), "done");
  await f.pass(1_000);
  assert.equal(f.socket.sentOf("unsubscribe").length, 1);
});
