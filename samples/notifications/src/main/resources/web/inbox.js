/**
 * What one device knows of its user's notices. No DOM here.
 *
 * Changes and whole inboxes may come in any order, and the same one twice: a notice is added once, and what was read
 * never becomes unread again.
 */
const MAX_KEPT = 100;

export class Inbox {
  #notices = new Map(); // id -> notice
  #read = new Set(); // ids, of notices too that are still on their way

  /** The newest first, each `{id, text, at, read}`. */
  get notices() {
    return [...this.#notices.values()].sort((a, b) => b.id - a.id).map((notice) => ({ ...notice, read: this.#read.has(notice.id) }));
  }

  get unread() {
    return this.notices.filter((notice) => !notice.read).map((notice) => notice.id);
  }

  /** A change that the server told of. */
  apply({ added = null, read = [] }) {
    if (added) this.#add(added);
    for (const id of read) this.#read.add(id);
  }

  /** The whole inbox, as the server had it a moment ago. */
  merge({ notices }) {
    for (const notice of notices) this.#add(notice);
    for (const id of this.#read) if (!this.#notices.has(id)) this.#read.delete(id);
  }

  #add(notice) {
    this.#notices.set(notice.id, notice);
    if (notice.read) this.#read.add(notice.id);
    if (this.#notices.size <= MAX_KEPT) return;
    const oldest = Math.min(...this.#notices.keys());
    this.#notices.delete(oldest);
    this.#read.delete(oldest);
  }
}
