/**
 * The notices of a user on one device. No DOM access.
 *
 * Changes and inbox snapshots may arrive in any order and more than once: a notice is added once, and a read notice
 * never becomes unread again.
 */
const MAX_KEPT = 100;

export class Inbox {
  #notices = new Map(); // id -> notice
  #read = new Set(); // ids, also of notices that have not arrived yet

  /** Newest first, each `{id, text, at, read}`. */
  get notices() {
    return [...this.#notices.values()]
      .sort((a, b) => b.id - a.id)
      .map((notice) => ({ ...notice, read: this.#read.has(notice.id) }));
  }

  get unread() {
    return this.notices.filter((notice) => !notice.read).map((notice) => notice.id);
  }

  /** Applies a change from the server. */
  apply({ added = null, read = [] }) {
    if (added) this.#add(added);
    for (const id of read) this.#read.add(id);
  }

  /** Merges a snapshot of the inbox. */
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
