import assert from "node:assert/strict";
import { test } from "node:test";
import { webModule } from "../../../../testing/paths.js";

const { hueOf, initialsOf, nameProblem, suggestName } = await webModule("shared/names.js");

test("a name has 1 to 40 characters", () => {
  for (const name of ["A", "n".repeat(40), " padded ", "__proto__", "<b>", "Ünï 例"])
    assert.equal(nameProblem(name), null, name);
  for (const name of ["", "   ", "n".repeat(41), "tab\there", "\ud800"])
    assert.notEqual(nameProblem(name), null, JSON.stringify(name));
});

test("every suggested name is valid", () => {
  for (let i = 0; i < 200; i++) assert.equal(nameProblem(suggestName()), null);
});

test("a name has stable initials and a stable hue", () => {
  assert.deepEqual(["Ann", "Ann Lee", "ann van der lee", "<img>", "例え", "!!", " "].map(initialsOf), [
    "A",
    "AL",
    "AL",
    "I",
    "例",
    "!",
    "?",
  ]);
  assert.equal(hueOf("Ann"), hueOf("Ann"));
  assert.notEqual(hueOf("Ann"), hueOf("Anm"));
});
