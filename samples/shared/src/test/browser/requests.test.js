import assert from "node:assert/strict";
import { test } from "node:test";
import { webModule } from "../../../../testing/places.js";

const { LiveError, Requests } = await webModule("shared/requests.js");

test("an ack settles the request with its ref, and no other", async () => {
  const requests = new Requests();
  const first = requests.open();
  const second = requests.open();
  assert.notEqual(first.ref, second.ref);

  assert.equal(requests.settle({ type: "ack", ref: second.ref, data: 2 }), true);

  assert.equal((await second.answer).data, 2);
  assert.equal(requests.size, 1);
  requests.settle({ type: "ack", ref: first.ref });
});

test("an error rejects with its code, reason and time to wait", async () => {
  const requests = new Requests();
  const { ref, answer } = requests.open();

  requests.settle({ type: "error", ref, data: { code: "rate_limited", reason: "slow down", retryAfterMs: 300 } });

  await assert.rejects(answer, new LiveError("rate_limited", "slow down", 300));
});

test("an answer that nobody waits for is not ours", () => {
  const requests = new Requests();

  assert.equal(requests.settle({ type: "ack", ref: "1" }), false);
  assert.equal(requests.settle({ type: "error" }), false);
  assert.equal(requests.settle({ type: "ack", ref: "__proto__" }), false);
});

test("without an answer a request times out, and a late one finds nobody", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const requests = new Requests(10_000);
  const { ref, answer } = requests.open();

  t.mock.timers.tick(10_000);

  await assert.rejects(answer, { code: "timeout" });
  assert.equal(requests.settle({ type: "ack", ref }), false);
});

test("a lost connection fails everything that waits", async () => {
  const requests = new Requests();
  const answers = [requests.open().answer, requests.open().answer];

  requests.failAll(new LiveError("connection_lost", "gone"));

  for (const answer of answers) await assert.rejects(answer, { code: "connection_lost" });
  assert.equal(requests.size, 0);
});
