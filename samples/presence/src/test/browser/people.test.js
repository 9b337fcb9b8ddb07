import assert from "node:assert/strict";
import { test } from "node:test";
import { webModule } from "../../../../testing/paths.js";

const { People } = await webModule("people.js");
const { Signals } = await webModule("signals.js");
const [phone, computer] = [{ kind: "phone" }, { kind: "computer" }];

test("a state is followed by joins and leaves", () => {
  const people = new People();
  people.apply({ state: { Ann: [phone, computer], Bob: [phone] } });
  people.apply({ joins: { Zoe: [computer], Bob: [computer] }, leaves: { Ann: [computer] } });

  assert.deepEqual(people.all, [
    ["Ann", [phone]],
    ["Bob", [phone, computer]],
    ["Zoe", [computer]],
  ]);
  assert.equal(people.count, 4);
});

test("a user is removed with the last device, and unknown leaves are ignored", () => {
  const people = new People();
  people.apply({ state: { Ann: [phone] } });
  people.apply({ leaves: { Ann: [computer], Bob: [phone] } });
  assert.deepEqual(people.all, [["Ann", [phone]]]);

  people.apply({ leaves: { Ann: [phone] } });
  people.apply({ leaves: { Ann: [phone] } });

  assert.deepEqual(people.all, []);
  assert.equal(people.count, 0);
});

test("a user who switches devices stays present", () => {
  const people = new People();
  people.apply({ state: { Ann: [phone] } });
  people.apply({ joins: { Ann: [computer] }, leaves: { Ann: [phone] } });

  assert.deepEqual(people.all, [["Ann", [computer]]]);
});

test("names like toString are handled as names", () => {
  const people = new People();
  people.apply(JSON.parse('{"state":{"__proto__":[null],"constructor":[null]}}'));
  people.apply(JSON.parse('{"joins":{"toString":[null]}}'));

  assert.deepEqual(
    people.all.map(([name]) => name),
    ["__proto__", "constructor", "toString"],
  );
});

test("over the limit only the number is known, and below it the list again", () => {
  const people = new People();
  people.apply({ state: { Ann: [phone] } });
  people.apply({ count: 1_001 });
  assert.deepEqual([people.all, people.count, people.isListed], [[], 1_001, false]);

  people.apply({ state: { Ann: [phone] } });
  assert.deepEqual([people.count, people.isListed], [1, true]);
});

test("a signal expires, and a repeat extends it", () => {
  const signals = new Signals();
  signals.note({ kind: "typing", from: "Ann" }, 0);
  signals.note({ kind: "typing", from: "Ann" }, 2_000);

  assert.equal(signals.of("Ann", 5_999), "typing");
  assert.equal(signals.expire(5_999), 6_000);
  assert.equal(signals.of("Ann", 6_000), null);
  assert.equal(signals.expire(6_000), null);
});

test("idle clears a signal, and unknown kinds are ignored", () => {
  const signals = new Signals();
  signals.note({ kind: "wave", from: "__proto__" }, 0);
  signals.note({ kind: "constructor", from: "Ann" }, 0);
  assert.deepEqual([signals.of("__proto__", 1), signals.of("Ann", 1)], ["wave", null]);

  signals.note({ kind: "idle", from: "__proto__" }, 1);
  assert.equal(signals.of("__proto__", 1), null);
});
