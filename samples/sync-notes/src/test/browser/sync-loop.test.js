import assert from "node:assert/strict";
import { beforeEach, mock, test } from "node:test";
import { webModule } from "../../../../testing/places.js";

const { SyncLoop, cursorIn } = await webModule("sync-loop.js");

beforeEach(() => {
  mock.timers.reset();
  mock.timers.enable({ apis: ["setTimeout"] });
});

test("the text of a cursor counts before its number, and nonsense is none", () => {
  assert.equal(cursorIn({ cursor: 7 }), 7);
  assert.equal(cursorIn({ cursor: 8, cursorText: "9" }), 9);
  for (const data of [undefined, null, {}, { cursor: "x" }, { cursor: -1 }, { cursorText: "9007199254740993", cursor: 5 }]) assert.equal(cursorIn(data), null);
});

test("it pulls at the start, and then only when there is more", async () => {
  const { loop, pulls, states, finish } = started();
  await finish(0);
  loop.subscribed(0);
  assert.deepEqual(states.at(-1), { standing: "live", why: null });
  assert.equal(pulls.length, 1);

  loop.told(3);
  assert.equal(states.at(-1).standing, "behind");
  await finish(3);
  loop.told(2);

  assert.equal(pulls.length, 2);
  assert.equal(states.at(-1).standing, "live");
});

test("however often it is told while it pulls, it pulls once more", async () => {
  const { loop, pulls, finish } = started();
  loop.subscribed(5);
  for (let i = 0; i < 10; i++) loop.pullNow();
  await finish(5);
  assert.equal(pulls.length, 2);
  await finish(5);

  assert.equal(pulls.length, 2);
});

test("a server that knows no cursor has it look", async () => {
  const { loop, pulls, finish } = started();
  await finish(0);

  loop.subscribed(null);

  assert.equal(pulls.length, 2);
});

test("a pull that failed says why, waits longer each time, and not when the list is joined again", async () => {
  const { loop, pulls, states, fail, finish } = started();
  await fail("no server");
  assert.deepEqual(states.at(-1), { standing: "offline", why: "no server" });
  mock.timers.tick(124);
  assert.equal(pulls.length, 1);
  mock.timers.tick(1);
  assert.equal(pulls.length, 2);
  await fail("no server");
  mock.timers.tick(249);
  assert.equal(pulls.length, 2);

  loop.subscribed(0);

  assert.equal(pulls.length, 3);
  assert.equal(states.at(-1).standing, "behind");
  await finish(0);
  assert.deepEqual(states.at(-1), { standing: "live", why: null });
});

test("a pull that finds nothing though there is something is a failure", async () => {
  const { loop, states, finish } = started();
  loop.subscribed(4);
  await finish(0);
  await finish(0);

  assert.deepEqual(states.at(-1), { standing: "behind", why: "nothing came after 0, though the list is at 4" });
});

test("a pull that gets a part, and one while which more is told, is followed by another at once", async () => {
  const { loop, pulls, states, finish } = started();
  loop.subscribed(5);
  await finish(3);
  assert.equal(pulls.length, 2);
  loop.told(6);
  await finish(5);

  assert.equal(pulls.length, 3);
  assert.deepEqual(states.at(-1), { standing: "behind", why: null });
  await finish(6);
  assert.deepEqual(states.at(-1), { standing: "live", why: null });
});

test("a wish, and a join, while a pull runs that fails, need not wait for the pause", async () => {
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

test("a pause after a pull that failed outlasts any number of signals, and the pauses go on growing", async () => {
  const { loop, pulls, states, fail, finish } = started();
  await finish(0);
  loop.subscribed(1);
  await fail("no server");

  for (let cursor = 2; cursor < 22; cursor++) loop.told(cursor);
  assert.equal(pulls.length, 2);
  assert.deepEqual(states.at(-1), { standing: "behind", why: "no server" });
  mock.timers.tick(125);
  assert.equal(pulls.length, 3);
  await fail("no server");
  loop.told(22);
  mock.timers.tick(249);
  assert.equal(pulls.length, 3);
  mock.timers.tick(1);

  assert.equal(pulls.length, 4);
});

test("somebody's wish ends the pause", async () => {
  const { loop, pulls, fail, finish } = started();
  await fail("no server");

  loop.pullNow();
  assert.equal(pulls.length, 2);
  await finish(0);
  mock.timers.tick(125);

  assert.equal(pulls.length, 2);
});

test("a pull that worked begins the pauses anew", async () => {
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

test("where nothing is heard it looks once soon after the start, and then at the slow pace", async () => {
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

test("once the list is joined the slow pace is enough, and what is known already does not put it off", async () => {
  const { loop, pulls, finish } = started();
  await finish(0);
  loop.subscribed(0);
  mock.timers.tick(59_999);
  loop.told(0);
  assert.equal(pulls.length, 1);
  mock.timers.tick(1);

  assert.equal(pulls.length, 2);
});

for (const [random, soon, slow] of [[0, 1_600, 48_000], [0.75, 2_200, 66_000]]) {
  test(`tabs do not look in step: with ${random} by chance after ${soon} ms, and then every ${slow} ms`, async () => {
    const { pulls, finish } = started({ random: () => random });
    await finish(0);
    for (const [count, delay] of [[2, soon], [3, slow], [4, slow]]) {
      mock.timers.tick(delay - 1);
      assert.equal(pulls.length, count - 1);
      mock.timers.tick(1);
      assert.equal(pulls.length, count);
      await finish(0);
    }
  });
}

test("started again it looks soon once more", async () => {
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

test("stopped in a pause and started again it does not wait for the pause to end", async () => {
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

test("stopped it lets go of the pull that runs, is offline, and stays so", async () => {
  const { loop, pulls, states, fail } = started();
  loop.subscribed(3);

  loop.stop();
  assert.equal(pulls[0].signal.aborted, true);
  await fail("aborted");
  loop.told(9);
  mock.timers.tick(1_000_000);

  assert.deepEqual(states.at(-1), { standing: "offline", why: null });
  assert.equal(pulls.length, 1);
});

test("started again while the old pull ends it pulls anew, with a signal of its own", async () => {
  const { loop, pulls, fail } = started();
  loop.stop();
  loop.start();
  await fail("aborted");

  assert.equal(pulls.length, 2);
  assert.equal(pulls[1].signal.aborted, false);
});

test("a lost connection makes it offline though all is here", async () => {
  const { loop, states, finish } = started();
  loop.subscribed(0);
  await finish(0);

  loop.lost();

  assert.equal(states.at(-1).standing, "offline");
});

/** A loop that has been started, and pulls that end when the test says so. By default its waits are of middling length. */
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

/** Lets promises that are settled run their continuations. */
async function settled() {
  for (let i = 0; i < 10; i++) await null;
}
