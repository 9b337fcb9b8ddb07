import assert from "node:assert/strict";
import { test } from "node:test";
import { webModule } from "../../../../testing/paths.js";

const { backoffDelay, delayBefore, mayReconnect } = await webModule("shared/reconnect.js");
const almostOne = () => 1 - Number.EPSILON;

test("backoff doubles up to the maximum", () => {
  const ceilings = [0, 1, 2, 7, 8, 1_000_000].map((attempt) =>
    Math.round(backoffDelay(attempt, { random: almostOne })),
  );

  assert.deepEqual(ceilings, [250, 500, 1000, 30_000, 30_000, 30_000]);
});

test("backoff has full jitter: between zero and its maximum", () => {
  assert.equal(backoffDelay(5, { random: () => 0 }), 0);
  for (let attempt = 0; attempt < 2_000; attempt++) {
    const delay = backoffDelay(attempt % 40);
    assert.ok(
      delay >= 0 && delay <= Math.min(30_000, 250 * 2 ** (attempt % 40)),
      `attempt ${attempt % 40} waits ${delay}`,
    );
  }
});

test("the close code decides whether to reconnect", () => {
  for (const code of [1001, 1006, 1009, 1011, 1012, 1013, 4408, 4429, 4508])
    assert.equal(mayReconnect(code), true, `${code}`);
  for (const code of [1000, 4400, 4401, 4403]) assert.equal(mayReconnect(code), false, `${code}`);
});

test("final close codes have no delay", () => {
  assert.equal(delayBefore({ code: 4403, attempt: 0, window: [1, 2] }), null);
});

test("after exceeding a limit the delay is at least five seconds", () => {
  assert.equal(delayBefore({ code: 1013, attempt: 0, random: () => 0 }), 5_000);
  assert.ok(delayBefore({ code: 1013, attempt: 20, random: almostOne }) > 29_000);
});

test("the window of a goodbye replaces the backoff", () => {
  const delays = [0, 0.5, 1].map((chance) =>
    delayBefore({ code: 1012, attempt: 9, window: [200, 1200], random: () => chance }),
  );

  assert.deepEqual(delays, [200, 700, 1200]);
});

test("an invalid window is ignored", () => {
  for (const window of [null, 5, [], [1], [5, 1], [-1, 5], ["1", "2"], [NaN, 1]]) {
    assert.equal(delayBefore({ code: 1012, attempt: 0, window, random: () => 0.5 }), 125);
  }
});
