/**
 * The state of one room: received messages, outgoing messages and gaps. No DOM access.
 *
 * The sender also receives its published messages. This echo has no ref, but messages of one session arrive in order.
 * So the echo belongs to the first outgoing message with the same text, which is shown below the received ones until
 * then.
 */
const MAX_KEPT = 500;
const MAX_OUTGOING = 50;

let lastId = 0; // unique across rooms: the ids are keys of the drawn rows

export class Conversation {
  /** `{id, kind: "message", from, text, at, own, namesake}` and `{id, kind: "gap", lostAt, backAt}`, oldest first. */
  entries = [];
  /** `{id, text, since, state, reason}`, oldest first. States: waiting, sending, sent, unconfirmed, rejected. */
  outgoing = [];
  unread = 0;
  /** The id of the first entry that was unread when the room was opened, or null. */
  newSince = null;
  /** Whether old entries were dropped. */
  trimmed = false;
  /** The server's reason for rejecting the subscription, or null. */
  rejection = null;
  #wasSubscribed = false;
  #firstUnread = null;

  /** Handles a message from the server. Returns true if it is the echo of an outgoing message. */
  receive({ from, text, at }, me) {
    const echo =
      from === me
        ? this.outgoing.find((o) => o.text === text && ["sending", "sent", "unconfirmed"].includes(o.state))
        : undefined;
    if (echo) remove(this.outgoing, echo);
    const id = echo?.id ?? nextId();
    this.#keep({ id, kind: "message", from, text, at, own: Boolean(echo), namesake: !echo && from === me });
    return Boolean(echo);
  }

  /** Counts the last entry as unread. */
  markUnread() {
    this.unread++;
    this.#firstUnread ??= this.entries.at(-1).id;
  }

  /** Called when the room is shown. A line marks the unread messages until another room is shown. */
  open() {
    this.newSince = this.#firstUnread;
    this.markRead();
  }

  markRead() {
    this.unread = 0;
    this.#firstUnread = null;
  }

  /** Adds an outgoing message. Returns null if too many are pending. */
  compose(text, now) {
    if (this.outgoing.length >= MAX_OUTGOING) return null;
    const message = { id: nextId(), text, since: now, state: "waiting", reason: "" };
    this.outgoing.push(message);
    return message;
  }

  discard(message) {
    remove(this.outgoing, message);
  }

  /** Called on each subscribe. After a reconnect it adds a gap, because messages may be missing. */
  subscribed(lostAt, now) {
    this.rejection = null;
    if (this.#wasSubscribed) this.#keepGap(lostAt, now);
    this.#wasSubscribed = true;
  }

  /** Moves acknowledged messages to the entries, because their echo will not arrive. */
  connectionLost(me) {
    for (const message of this.outgoing.filter((o) => o.state === "sent")) {
      remove(this.outgoing, message);
      this.#keep({
        id: message.id,
        kind: "message",
        from: me,
        text: message.text,
        at: message.since,
        own: true,
        namesake: false,
      });
    }
  }

  #keepGap(lostAt, backAt) {
    const last = this.entries.at(-1);
    if (last?.kind === "gap")
      last.backAt = backAt; // no message since the last gap: extend it
    else this.#keep({ id: nextId(), kind: "gap", lostAt, backAt });
  }

  #keep(entry) {
    this.entries.push(entry);
    if (this.entries.length <= MAX_KEPT) return;
    this.entries.shift();
    this.trimmed = true;
  }
}

function nextId() {
  return `m${++lastId}`;
}

function remove(list, item) {
  const index = list.indexOf(item);
  if (index >= 0) list.splice(index, 1);
}
