import assert from "node:assert/strict";
import { test } from "node:test";
import { webModule } from "../../../../../testing/paths.js";

const { Conversation } = await webModule("conversation.js");
const { rowsOf } = await webModule("rows.js");

const NOON = new Date(2026, 0, 31, 12).getTime();
const MINUTE = 60_000;

test("messages of one author within five minutes form a group", () => {
  const room = talk(["Ann", 0], ["Ann", 1], ["Bob", 2], ["Ann", 3], ["Ann", 9]);

  const starts = messages(room).map((row) => row.startsGroup);

  assert.deepEqual(starts, [true, false, true, true, true]);
});

test("a gap and a new day end a group", () => {
  const room = talk(["Ann", 0], ["Ann", 1]);
  room.subscribed(0, NOON);
  room.subscribed(NOON + MINUTE, NOON + 2 * MINUTE);
  room.receive(message("Ann", 2), "me");
  room.receive({ from: "Ann", text: "next day", at: NOON + 24 * 60 * MINUTE }, "me");

  const kinds = rowsOf(room, "me").map((row) => (row.startsGroup ? "group" : row.kind));

  assert.deepEqual(kinds, ["day", "group", "message", "gap", "group", "day", "group"]);
});

test("the first subscribe adds no gap, and adjacent gaps are merged", () => {
  const room = new Conversation();
  room.subscribed(0, NOON);
  assert.equal(room.entries.length, 0);

  room.subscribed(NOON + 1, NOON + 2);
  room.subscribed(NOON + 3, NOON + 4);

  assert.deepEqual(
    room.entries.map(({ lostAt, backAt }) => [lostAt, backAt]),
    [[NOON + 1, NOON + 4]],
  );
});

test("an echo replaces one outgoing message and keeps its key", () => {
  const room = new Conversation();
  const sent = [room.compose("same", NOON), room.compose("same", NOON)];
  for (const outgoing of sent) outgoing.state = "sending";

  assert.equal(room.receive({ from: "me", text: "same", at: NOON }, "me"), true);

  assert.deepEqual(
    room.entries.map((entry) => [entry.id, entry.own]),
    [[sent[0].id, true]],
  );
  assert.deepEqual(room.outgoing, [sent[1]]);
});

test("a message of another user with the same name is not an echo", () => {
  const room = new Conversation();

  assert.equal(room.receive({ from: "me", text: "hello", at: NOON }, "me"), false);

  assert.deepEqual(
    room.entries.map(({ own, namesake }) => [own, namesake]),
    [[false, true]],
  );
});

test("a message that waits for a connection does not match an echo", () => {
  const room = new Conversation();
  room.compose("hello", NOON);

  assert.equal(room.receive({ from: "me", text: "hello", at: NOON }, "me"), false);
  assert.equal(room.outgoing.length, 1);
});

test("acknowledged messages are kept after a lost connection", () => {
  const room = new Conversation();
  room.compose("acknowledged", NOON).state = "sent";
  room.compose("pending", NOON).state = "sending";

  room.connectionLost("me");

  assert.deepEqual(
    room.entries.map((entry) => entry.text),
    ["acknowledged"],
  );
  assert.deepEqual(
    room.outgoing.map((outgoing) => outgoing.text),
    ["pending"],
  );
});

test("it keeps the last 500 entries and reports that older ones were dropped", () => {
  const room = new Conversation();
  for (let i = 0; i < 510; i++) room.receive({ from: "Ann", text: `${i}`, at: NOON }, "me");

  assert.equal(room.entries.length, 500);
  assert.equal(room.entries[0].text, "10");
  assert.equal(rowsOf(room, "me")[0].kind, "trimmed");
});

test("it accepts at most 50 outgoing messages", () => {
  const room = new Conversation();
  for (let i = 0; i < 50; i++) assert.ok(room.compose("x", NOON));

  assert.equal(room.compose("one more", NOON), null);
});

test("the line for unread messages is at the first unread message", () => {
  const room = talk(["Ann", 0]);
  for (const minute of [1, 2]) {
    room.receive(message("Ann", minute), "me");
    room.markUnread();
  }
  assert.equal(room.unread, 2);

  room.open();

  assert.equal(room.unread, 0);
  assert.deepEqual(
    rowsOf(room, "me").map((row) => row.kind),
    ["day", "message", "new", "message", "message"],
  );
});

function talk(...said) {
  const room = new Conversation();
  for (const [from, minute] of said) room.receive(message(from, minute), "me");
  return room;
}

function message(from, minute) {
  return { from, text: `minute ${minute}`, at: NOON + minute * MINUTE };
}

function messages(room) {
  return rowsOf(room, "me").filter((row) => row.kind === "message");
}
