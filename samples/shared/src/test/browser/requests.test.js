import assert from "node:assert/strict";
import { test } from "node:test";
import { webModule } from "../../../../testing/paths.js";

const { LiveError, Requests } = await webModule("shared/requests.js");

test("an ack settles only the request with its ref", async () => {
  const requests = new Requests();
  const first = requests.open();
  const second = requests.open();
  assert.notEqual(first.ref, second.ref);

  assert.equal(requests.settle({ type: "ack", ref: second.ref, data: 2 }), true);

  assert.equal((await second.response).data, 2);
  assert.equal(requests.size, 1);
  requests.settle({ type: "ack", ref: first.ref });
});

test("an error rejects with its code, reason and retry delay", async () => {
  const requests = new Requests();
  const { ref, response } = requests.open();

  requests.settle({ type: "error", ref, data: { code: "rate_limited", reason: "slow down", retryAfterMs: 300 } });

  await assert.rejects(response, new LiveError("rate_limited", "slow down", 300));
});

test("a response without a pending request is not settled", () => {
  const requests = new Requests();

  assert.equal(requests.settle({ type: "ack", ref: "1" }), false);
  assert.equal(requests.settle({ type: "error" }), false);
  assert.equal(requests.settle({ type: "ack", ref: "__proto__" }), false);
});

test("a request times out, and a late response is ignored", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const requests = new Requests(10_000);
  const { ref, response } = requests.open();

  t.mock.timers.tick(10_000);

  await assert.rejects(response, { code: "timeout" });
  assert.equal(requests.settle({ type: "ack", ref }), false);
});

test("a lost connection fails all pending requests", async () => {
  const requests = new Requests();
  const responses = [requests.open().response, requests.open().response];

  requests.failAll(new LiveError("connection_lost", "gone"));

  for (const response of responses) await assert.rejects(response, { code: "connection_lost" });
  assert.equal(requests.size, 0);
});
