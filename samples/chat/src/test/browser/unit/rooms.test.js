import assert from "node:assert/strict";
import { test } from "node:test";
import { webModule } from "../../../../../testing/paths.js";

const { hashOf, roomInHash, roomNameOf, roomProblem } = await webModule("rooms.js");

test("an input is normalized to a topic segment", () => {
  assert.deepEqual(["Lobby", "# Coffee  Break ", "##x"].map(roomNameOf), ["lobby", "coffee-break", "x"]);
  for (const room of ["a/b", "{x}", "", "r".repeat(41), "a\u0000b", "a?b"])
    assert.notEqual(roomProblem(room), null, room);
});

test("a room is parsed from its hash, and an invalid hash is null", () => {
  for (const room of ["lobby", "büro-7", "__proto__"]) assert.equal(roomInHash(hashOf(room)), room);
  for (const hash of ["", "#", "#room/", "#room/a/b", "#room/%", "#other"]) assert.equal(roomInHash(hash), null, hash);
});
