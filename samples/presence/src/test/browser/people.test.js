import assert from "node:assert/strict";
import { test } from "node:test";
import { webModule } from "../../../../testing/places.js";

const { People } = await webModule("people.js");
const { Signals } = await webModule("signals.js");
const [phone, computer] = [{ kind: "phone" }, { kind: "computer" }];

test("first everybody, then who comes and who goes", () => {
  const people = new People();
  people.apply({ state: { Ann: [phone, computer], Bob: [phone] } });
  people.apply({ joins: { Zoe: [computer], Bob: [computer] }, leaves: { Ann: [computer] } });

  assert.deepEqual(people.all, [["Ann", [phone]], ["Bob", [phone, computer]], ["Zoe", [computer]]]);
  assert.equal(people.count, 4);
});

test("who leaves with the last device is gone, and only what is here leaves", () => {
  const people = new People();
  people.apply({ state: { Ann: [phone] } });
  people.apply({ leaves: { Ann: [computer], Bob: [phone] } });
  assert.deepEqual(people.all, [["Ann", [phone]]]);

  people.apply({ leaves: { Ann: [phone] } });
  people.apply({ leaves: { Ann: [phone] } });

  assert.deepEqual(people.all, []);
  assert.equal(people.count, 0);
});

test("one who changes devices at once stays", () => {
  const people = new People();
  people.apply({ state: { Ann: [phone] } });
  people.apply({ joins: { Ann: [computer] }, leaves: { Ann: [phone] } });

  assert.deepEqual(people.all, [["Ann", [computer]]]);
});

test("names are just names", () => {
  const people = new People();
  people.apply(JSON.parse('{"state":{"__proto__":[null],"constructor":[null]}}'));
  people.apply(JSON.parse('{"joins":{"toString":[null]}}'));

  assert.deepEqual(people.all.map(([name]) => name), ["__proto__", "constructor", "toString"]);
});

test("in a room that is too full only the number is known, and below that everybody again", () => {
  const people = new People();
  people.apply({ state: { Ann: [phone] } });
  people.apply({ count: 1_001 });
  assert.deepEqual([people.all, people.count, people.isListed], [[], 1_001, false]);

  people.apply({ state: { Ann: [phone] } });
  assert.deepEqual([people.count, people.isListed], [1, true]);
});

test("a signal is shown for its time, and again for that time when it is repeated", () => {
  const signals = new Signals();
  signals.note({ kind: "typing", from: "Ann" }, 0);
  signals.note({ kind: "typing", from: "Ann" }, 2_000);

  assert.equal(signals.of("Ann", 5_999), "typing");
  assert.equal(signals.expire(5_999), 6_000);
  assert.equal(signals.of("Ann", 6_000), null);
  assert.equal(signals.expire(6_000), null);
});

test("idle ends it at once, and unknown kinds are left aside", () => {
  const signals = new Signals();
  signals.note({ kind: "wave", from: "__proto__" }, 0);
  signals.note({ kind: "constructor", from: "Ann" }, 0);
  assert.deepEqual([signals.of("__proto__", 1), signals.of("Ann", 1)], ["wave", null]);

  signals.note({ kind: "idle", from: "__proto__" }, 1);
  assert.equal(signals.of("__proto__", 1), null);
});
