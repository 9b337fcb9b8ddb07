import assert from "node:assert/strict";
import { test } from "node:test";
import { webModule } from "../../../../testing/paths.js";

const { Subscription } = await webModule("shared/subscription.js");

test("a recovery in a new epoch continues from the old offset with the new epoch", () => {
  const subscription = new Subscription({ epoch: "a", offset: 7 });

  const result = subscription.accept({ epoch: "b", offset: 9, recovered: true });

  assert.deepEqual(result, { recovery: "recovered", missed: 2 });
  assert.deepEqual(subscription.data.since, { epoch: "b", offset: 7 });
  assert.equal(subscription.isNew(8), true);
});

test("an epoch without a recovery starts at its offset", () => {
  const subscription = new Subscription({ epoch: "a", offset: 7 });

  assert.equal(subscription.accept({ epoch: "b", offset: 3 }).recovery, "gap");
  assert.deepEqual(subscription.data.since, { epoch: "b", offset: 3 });
});
