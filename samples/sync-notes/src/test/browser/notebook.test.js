import assert from "node:assert/strict";
import { test } from "node:test";
import { webModule } from "../../../../testing/places.js";

const { MAX_TEXT, anew, applied, cleaned, cleanedList, edited, emptyNotebook, shown } = await webModule("notebook.js");
const { Store } = await webModule("store.js");

test("the last change of a note is the note, in the place it had, and what is deleted is gone", () => {
  const notebook = applied(emptyNotebook("a"), page(change(1, "n1", "milk"), change(2, "n2", "tea"), change(3, "n1", "oat milk"), deletion(4, "n2")));

  assert.deepEqual(texts(notebook), ["oat milk"]);
  assert.equal(notebook.cursor, 4);
});

test("what is still to be sent lies on top until its own change comes back", () => {
  const typed = edited(applied(emptyNotebook("a"), page(change(1, "n1", "milk"))), edit("mine", "n1", "oat milk"));
  const meanwhile = applied(typed, page(change(2, "n1", "soy milk")));
  const back = applied(meanwhile, page({ ...change(3, "n1", "oat milk"), changeId: "mine" }, change(4, "n1", "rice milk")));

  assert.deepEqual(shown(meanwhile).map(({ text, isPending }) => [text, isPending]), [["oat milk", true]]);
  assert.deepEqual(shown(back).map(({ text, isPending }) => [text, isPending]), [["rice milk", false]]);
  assert.deepEqual(back.pending, []);
});

test("a page that comes twice changes nothing, and one with a gap is refused", () => {
  const first = page(change(1, "n1", "milk"), deletion(2, "n1"));
  const once = applied(emptyNotebook("a"), first);

  assert.deepEqual(applied(once, first), once);
  assert.throws(() => applied(once, page(change(4, "n2", "tea"))), { message: "the server left out change 3 of 'a'" });
});

test("beginning anew keeps what is to be sent", () => {
  const notebook = edited(applied(emptyNotebook("a"), page(change(1, "n1", "milk"))), edit("mine", "n2", "tea"));

  assert.deepEqual(anew(notebook), { ...emptyNotebook("a"), pending: notebook.pending });
});

test("what is typed becomes what the server takes", () => {
  assert.equal(cleaned("  two\u0000words\n and \ud83d \ud83d\ude00 "), "two words\n and ? 😀");
  assert.equal(cleaned(" \u0007 "), "");
  assert.equal(cleaned(`${"x".repeat(MAX_TEXT - 1)}😀`), `${"x".repeat(MAX_TEXT - 1)}?`); // half of it would have room
});

test("a list's name becomes one that the server takes: 100 characters and 250 bytes, without control characters", () => {
  const smile = "😀";
  assert.equal(cleanedList(" a\u0000b\tc\nd\u0085 \ud83d "), "a b c d  ?");
  assert.equal(cleanedList("s".repeat(101)), "s".repeat(100));
  assert.equal(cleanedList(`${"木".repeat(83)}s`), `${"木".repeat(83)}s`); // 250 bytes
  assert.equal(cleanedList("木".repeat(84)), "木".repeat(83));
  assert.equal(cleanedList(`${"s".repeat(99)}${smile}`), "s".repeat(99)); // not half of it
  assert.equal(cleanedList(smile.repeat(63)), smile.repeat(50)); // 100 characters, for each of them counts as two
  assert.equal(cleanedList(`${"s".repeat(99)} s`), "s".repeat(99));
  assert.equal(cleanedList(" \n "), "");
});

test("a store keeps a notebook over a reload, and shows nothing that it could not keep", () => {
  const storage = new FakeStorage();
  const store = new Store("a/b", "Phone", storage);
  store.update((notebook) => edited(notebook, edit("one", "n1", "milk")));
  storage.isFull = true;

  assert.throws(() => store.update((notebook) => edited(notebook, edit("two", "n2", "tea"))), { message: "full" });
  assert.deepEqual(texts(store.notebook), ["milk"]);
  assert.deepEqual(new Store("a/b", "Phone", storage).notebook, store.notebook);
  assert.deepEqual(new Store("a", "b/Phone", storage).notebook, emptyNotebook("a"));
});

for (const kept of ["{\"list\":\"a\",\"cur", "null", "[]", "{}", JSON.stringify({ ...emptyNotebook("a"), cursor: -1 }), JSON.stringify({ ...emptyNotebook("a"), pending: null }), JSON.stringify(emptyNotebook("b"))]) {
  test(`what is kept is no notebook of the list, it is said and left as it is: ${kept}`, () => {
    const storage = new FakeStorage();
    storage.setItem("sync-notes/a/Phone", kept);

    assert.throws(() => new Store("a", "Phone", storage), { message: "what this browser keeps of the list cannot be read" });
    assert.equal(storage.getItem("sync-notes/a/Phone"), kept);
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
