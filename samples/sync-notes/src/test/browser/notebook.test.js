import assert from "node:assert/strict";
import { test } from "node:test";
import { webModule } from "../../../../testing/paths.js";

const { MAX_TEXT, reset, applied, cleaned, cleanedList, edited, emptyNotebook, shown } = await webModule("notebook.js");
const { Store } = await webModule("store.js");

test("the last change of a note wins and keeps its position, and a deletion removes it", () => {
  const notebook = applied(
    emptyNotebook("a"),
    page(change(1, "n1", "milk"), change(2, "n2", "tea"), change(3, "n1", "oat milk"), deletion(4, "n2")),
  );

  assert.deepEqual(texts(notebook), ["oat milk"]);
  assert.equal(notebook.cursor, 4);
});

test("pending edits are shown until their own change is pulled", () => {
  const typed = edited(applied(emptyNotebook("a"), page(change(1, "n1", "milk"))), edit("mine", "n1", "oat milk"));
  const meanwhile = applied(typed, page(change(2, "n1", "soy milk")));
  const back = applied(
    meanwhile,
    page({ ...change(3, "n1", "oat milk"), changeId: "mine" }, change(4, "n1", "rice milk")),
  );

  assert.deepEqual(
    shown(meanwhile).map(({ text, isPending }) => [text, isPending]),
    [["oat milk", true]],
  );
  assert.deepEqual(
    shown(back).map(({ text, isPending }) => [text, isPending]),
    [["rice milk", false]],
  );
  assert.deepEqual(back.pending, []);
});

test("a repeated page changes nothing, and a page with a gap is rejected", () => {
  const first = page(change(1, "n1", "milk"), deletion(2, "n1"));
  const once = applied(emptyNotebook("a"), first);

  assert.deepEqual(applied(once, first), once);
  assert.throws(() => applied(once, page(change(4, "n2", "tea"))), { message: "the server omitted change 3 of 'a'" });
});

test("a reset keeps pending edits", () => {
  const notebook = edited(applied(emptyNotebook("a"), page(change(1, "n1", "milk"))), edit("mine", "n2", "tea"));

  assert.deepEqual(reset(notebook), { ...emptyNotebook("a"), pending: notebook.pending });
});

test("an input is converted to a text that the server accepts", () => {
  assert.equal(cleaned("  two\u0000words\n and \ud83d \ud83d\ude00 "), "two words\n and ? 😀");
  assert.equal(cleaned(" \u0007 "), "");
  assert.equal(cleaned(`${"x".repeat(MAX_TEXT - 1)}😀`), `${"x".repeat(MAX_TEXT - 1)}?`); // half of the emoji would fit
});

test("a list name is converted to one that the server accepts: 100 characters and 250 bytes, without control characters", () => {
  const smile = "😀";
  assert.equal(cleanedList(" a\u0000b\tc\nd\u0085 \ud83d "), "a b c d  ?");
  assert.equal(cleanedList("s".repeat(101)), "s".repeat(100));
  assert.equal(cleanedList(`${"木".repeat(83)}s`), `${"木".repeat(83)}s`); // 250 bytes
  assert.equal(cleanedList("木".repeat(84)), "木".repeat(83));
  assert.equal(cleanedList(`${"s".repeat(99)}${smile}`), "s".repeat(99)); // not half of the emoji
  assert.equal(cleanedList(smile.repeat(63)), smile.repeat(50)); // 100 characters, because each emoji counts as two
  assert.equal(cleanedList(`${"s".repeat(99)} s`), "s".repeat(99));
  assert.equal(cleanedList(" \n "), "");
});

test("a store survives a reload, and a failed write changes nothing", () => {
  const storage = new FakeStorage();
  const store = new Store("a/b", "Phone", storage);
  store.update((notebook) => edited(notebook, edit("one", "n1", "milk")));
  storage.isFull = true;

  assert.throws(() => store.update((notebook) => edited(notebook, edit("two", "n2", "tea"))), { message: "full" });
  assert.deepEqual(texts(store.notebook), ["milk"]);
  assert.deepEqual(new Store("a/b", "Phone", storage).notebook, store.notebook);
  assert.deepEqual(new Store("a", "b/Phone", storage).notebook, emptyNotebook("a"));
});

for (const stored of [
  '{"list":"a","cur',
  "null",
  "[]",
  "{}",
  JSON.stringify({ ...emptyNotebook("a"), cursor: -1 }),
  JSON.stringify({ ...emptyNotebook("a"), pending: null }),
  JSON.stringify(emptyNotebook("b")),
]) {
  test(`an invalid stored value is reported and not changed: ${stored}`, () => {
    const storage = new FakeStorage();
    storage.setItem("sync-notes/a/Phone", stored);

    assert.throws(() => new Store("a", "Phone", storage), { message: "the stored list is invalid" });
    assert.equal(storage.getItem("sync-notes/a/Phone"), stored);
  });
}

const texts = (notebook) => shown(notebook).map(({ text }) => text);
const page = (...changes) => ({ changes, cursor: changes.at(-1).sequence, more: false });
const change = (sequence, noteId, text) => ({ sequence, changeId: `c${sequence}`, noteId, text });
const deletion = (sequence, noteId) => ({ ...change(sequence, noteId, ""), deleted: true });
const edit = (changeId, noteId, text) => ({ changeId, noteId, text, deleted: false, author: "Phone" });

class FakeStorage {
  isFull = false;
  #items = new Map();

  getItem(key) {
    return this.#items.get(key) ?? null;
  }

  setItem(key, value) {
    if (this.isFull) throw new Error("full");
    this.#items.set(key, value);
  }
}
