import assert from "node:assert/strict";
import { test } from "node:test";
import { webModule } from "../../../../testing/paths.js";

const { Inbox } = await webModule("inbox.js");

test("notices are ordered newest first, without duplicates", () => {
  const inbox = new Inbox();
  inbox.apply({ added: notice(1) });
  inbox.apply({ added: notice(2) });
  inbox.merge({ notices: [notice(1), notice(2)] });

  assert.deepEqual(
    inbox.notices.map(({ id }) => id),
    [2, 1],
  );
  assert.deepEqual(inbox.unread, [2, 1]);
});

test("a read notice stays read after later changes and snapshots", () => {
  const inbox = new Inbox();
  inbox.apply({ read: [1] }); // before the notice itself has been loaded
  inbox.merge({ notices: [notice(1), notice(2), { ...notice(3), read: true }] });

  assert.deepEqual(inbox.unread, [2]);
});

test("an unknown change of a newer version is ignored", () => {
  const inbox = new Inbox();

  inbox.apply({ pinned: [1] });

  assert.deepEqual(inbox.notices, []);
});

test("it keeps the newest 100 notices", () => {
  const inbox = new Inbox();
  for (let id = 1; id <= 105; id++) inbox.apply({ added: notice(id), read: [id] });

  assert.equal(inbox.notices.length, 100);
  assert.equal(inbox.notices.at(-1).id, 6);
});

function notice(id) {
  return { id, text: `notice ${id}`, at: "2026-01-31T12:00:00Z", read: false };
}
