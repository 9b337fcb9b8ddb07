import assert from "node:assert/strict";
import { test } from "node:test";
import { webModule } from "../support/places.js";

const { hueOf, initialsOf, nameProblem, suggestName } = await webModule("people.js");
const { hashOf, roomInHash, roomNameOf, roomProblem } = await webModule("rooms.js");

test("a name has 1 to 40 characters", () => {
  for (const name of ["A", "n".repeat(40), " padded ", "__proto__", "<b>", "Ünï 例"]) assert.equal(nameProblem(name), null, name);
  for (const name of ["", "   ", "n".repeat(41), "tab\there", "\ud800"]) assert.notEqual(nameProblem(name), null, JSON.stringify(name));
});

test("every suggestion is a good name", () => {
  for (let i = 0; i < 200; i++) assert.equal(nameProblem(suggestName()), null);
});

test("a name has its letters and its colour", () => {
  assert.deepEqual(["Ann", "Ann Lee", "ann van der lee", "<img>", "例え", "!!", " "].map(initialsOf), ["A", "AL", "AL", "I", "例", "!", "?"]);
  assert.equal(hueOf("Ann"), hueOf("Ann"));
  assert.notEqual(hueOf("Ann"), hueOf("Anm"));
});

test("a typed room becomes a topic's segment", () => {
  assert.deepEqual(["Lobby", "# Coffee  Break ", "##x"].map(roomNameOf), ["lobby", "coffee-break", "x"]);
  for (const room of ["a/b", "{x}", "", "r".repeat(41), "a\u0000b", "a?b"]) assert.notEqual(roomProblem(room), null, room);
});

test("a room's address leads back to it, and nonsense nowhere", () => {
  for (const room of ["lobby", "büro-7", "__proto__"]) assert.equal(roomInHash(hashOf(room)), room);
  for (const hash of ["", "#", "#room/", "#room/a/b", "#room/%", "#other"]) assert.equal(roomInHash(hash), null, hash);
});
