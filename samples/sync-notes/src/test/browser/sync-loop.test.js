import assert from "node:assert/strict";
import { beforeEach, mock, test } from "node:test";
import { webModule } from "../../../../testing/paths.js";

const { SyncLoop, cursorIn } = await webModule("sync-loop.js");

beforeEach(() => {
  mock.timers.reset();
  mock.timers.enable({ apis: ["setTimeout"] });
});

test("cursorText takes precedence over cursor, and invalid cursors are null", () => {
  assert.equal(cursorIn({ cursor: 7 }), 7);
  assert.equal(cursorIn({ cursor: 8, cursorText: "9" }), 9);
  for (const data of [
    undefined,
    null,
    {},
    { cursor: "x" },
    { cursor: -1 },
    { cursorText: "9007199254740993", cursor: 5 },
  ])
    assert.equal(cursorIn(data), null);
});

test("it pulls at the start, and then only for a newer cursor", async () => {
  const { loop, pulls, states, finish } = started();
  await finish(0);
  loop.subscribed(0);
  assert.deepEqual(states.at(-1), { phase: "live", error: null });
  assert.equal(pulls.length, 1);

  loop.advanced(3);
  assert.equal(states.at(-1).phase, "behind");
  await finish(3);
  loop.advanced(2);

  assert.equal(pulls.length, 2);
  assert.equal(states.at(-1).phase, "live");
});

test("signals during a pull cause exactly one more pull", async () => {
  const { loop, pulls, finish } = started();
  loop.subscribed(5);
  for (let i = 0; i < 10; i++) loop.pullNow();
  await finish(5);
  assert.equal(pulls.length, 2);
  await finish(5);

  assert.equal(pulls.length, 2);
});

test("a subscribe without a cursor causes a pull", async () => {
  const { loop, pulls, finish } = started();
  await finish(0);

  loop.subscribed(null);

  assert.equal(pulls.length, 2);
});

test("a failed pull reports its error and backs off exponentially, but not after a subscribe", async () => {
  const { loop, pulls, states, fail, finish } = started();
  await fail("no server");
  assert.deepEqual(states.at(-1), { phase: "offline", error: "no server" });
  mock.timers.tick(124);
  assert.equal(pulls.length, 1);
  mock.timers.tick(1);
  assert.equal(pulls.length, 2);
  await fail("no server");
  mock.timers.tick(249);
  assert.equal(pulls.length, 2);

  loop.subscribed(0);

  assert.equal(pulls.length, 3);
  assert.equal(states.at(-1).phase, "behind");
  await finish(0);
  assert.deepEqual(states.at(-1), { phase: "live", error: null });
});

test("a pull without changes below the target is a failure", async () => {
  const { loop, states, finish } = started();
  loop.subscribed(4);
  await finish(0);
  await finish(0);

  assert.deepEqual(states.at(-1), {
    phase: "behind",
    error: "the pull returned no changes after 0, but the list is at 4",
  });
});

test("a partial pull, and a signal during a pull, cause another pull immediately", async () => {
  const { loop, pulls, states, finish } = started();
  loop.subscribed(5);
  await finish(3);
  assert.equal(pulls.length, 2);
  loop.advanced(6);
  await finish(5);

  assert.equal(pulls.length, 3);
  assert.deepEqual(states.at(-1), { phase: "behind", error: null });
  await finish(6);
  assert.deepEqual(states.at(-1), { phase: "live", error: null });
});

test("pullNow and a subscribe during a failing pull skip the backoff", async () => {
  const { loop, pulls, fail } = started();
  loop.pullNow();
  await fail("no server");
  assert.equal(pulls.length, 2);
  loop.subscribed(0);
  await fail("no server");
  assert.equal(pulls.length, 3);
  await fail("no server");

  assert.equal(pulls.length, 3);
});

test("signals do not skip the backoff, and the backoff grows", async () => {
  const { loop, pulls, states, fail, finish } = started();
  await finish(0);
  loop.subscribed(1);
  await fail("no server");

  for (let cursor = 2; cursor < 22; cursor++) loop.advanced(cursor);
  assert.equal(pulls.length, 2);
  assert.deepEqual(states.at(-1), { phase: "behind", error: "no server" });
  mock.timers.tick(125);
  assert.equal(pulls.length, 3);
  await fail("no server");
  loop.advanced(22);
  mock.timers.tick(249);
  assert.equal(pulls.length, 3);
  mock.timers.tick(1);

  assert.equal(pulls.length, 4);
});

test("pullNow ends the backoff", async () => {
  const { loop, pulls, fail, finish } = started();
  await fail("no server");

  loop.pullNow();
  assert.equal(pulls.length, 2);
  await finish(0);
  mock.timers.tick(125);

  assert.equal(pulls.length, 2);
});

test("a successful pull resets the backoff", async () => {
  const { loop, pulls, fail, finish } = started();
  await fail("no server");
  loop.pullNow();
  await fail("no server");
  loop.pullNow();
  await finish(0);
  loop.pullNow();
  await fail("no server");

  mock.timers.tick(125);

  assert.equal(pulls.length, 5);
});

test("without signals it polls soon after the start, and then at the long interval", async () => {
  const { pulls, finish } = started();
  await finish(0);
  mock.timers.tick(1_999);
  assert.equal(pulls.length, 1);
  mock.timers.tick(1);
  assert.equal(pulls.length, 2);
  await finish(0);
  for (const count of [3, 4]) {
    mock.timers.tick(59_999);
    assert.equal(pulls.length, count - 1);
    mock.timers.tick(1);
    assert.equal(pulls.length, count);
    await finish(0);
  }
});

test("after a subscribe it polls at the long interval, and known cursors do not delay the poll", async () => {
  const { loop, pulls, finish } = started();
  await finish(0);
  loop.subscribed(0);
  mock.timers.tick(59_999);
  loop.advanced(0);
  assert.equal(pulls.length, 1);
  mock.timers.tick(1);

  assert.equal(pulls.length, 2);
});

for (const [random, soon, slow] of [
  [0, 1_600, 48_000],
  [0.75, 2_200, 66_000],
]) {
  test(`polls have jitter: with random ${random} after ${soon} ms, and then every ${slow} ms`, async () => {
    const { pulls, finish } = started({ random: () => random });
    await finish(0);
    for (const [count, delay] of [
      [2, soon],
      [3, slow],
      [4, slow],
    ]) {
      mock.timers.tick(delay - 1);
      assert.equal(pulls.length, count - 1);
      mock.timers.tick(1);
      assert.equal(pulls.length, count);
      await finish(0);
    }
  });
}

test("after a restart it polls soon again", async () => {
  const { loop, pulls, finish } = started();
  await finish(0);
  mock.timers.tick(2_000);
  await finish(0);

  loop.stop();
  loop.start();
  await finish(0);
  mock.timers.tick(2_000);

  assert.equal(pulls.length, 4);
});

test("a restart during the backoff skips it", async () => {
  const { loop, pulls, fail } = started();
  await fail("no server");

  loop.stop();
  loop.start();
  assert.equal(pulls.length, 2);
  await fail("no server");
  mock.timers.tick(124);
  assert.equal(pulls.length, 2);
  mock.timers.tick(1);

  assert.equal(pulls.length, 3);
});

test("stop aborts a running pull, and the loop stays offline", async () => {
  const { loop, pulls, states, fail } = started();
  loop.subscribed(3);

  loop.stop();
  assert.equal(pulls[0].signal.aborted, true);
  await fail("aborted");
  loop.advanced(9);
  mock.timers.tick(1_000_000);

  assert.deepEqual(states.at(-1), { phase: "offline", error: null });
  assert.equal(pulls.length, 1);
});

test("a restart during an aborted pull starts another one with a new signal", async () => {
  const { loop, pulls, fail } = started();
  loop.stop();
  loop.start();
  await fail("aborted");

  assert.equal(pulls.length, 2);
  assert.equal(pulls[1].signal.aborted, false);
});

test("a lost connection makes it offline, even when in sync", async () => {
  const { loop, states, finish } = started();
  loop.subscribed(0);
  await finish(0);

  loop.lost();

  assert.equal(states.at(-1).phase, "offline");
});

/** Starts a loop whose pulls are completed by the test. By default random is 0.5. */
function started({ random = () => 0.5 } = {}) {
  let cursor = 0;
  const pulls = [];
  const states = [];
  const loop = new SyncLoop({
    cursor: () => cursor,
    pull: (signal) => new Promise((resolve, reject) => pulls.push({ signal, resolve, reject })),
    changed: (state) => states.push(state),
    backoff: (attempt) => 125 * 2 ** attempt,
    random,
  });
  loop.start();
  const finish = async (reached) => {
    cursor = reached;
    pulls.at(-1).resolve();
    await settled();
  };
  const fail = async (reason) => {
    pulls.at(-1).reject(new Error(reason));
    await settled();
  };
  return { loop, pulls, states, finish, fail };
}

/** Runs the continuations of settled promises. */
async function settled() {
  for (let i = 0; i < 10; i++) await null;
}
