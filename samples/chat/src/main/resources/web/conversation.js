/**
 * What one room knows: what was said, what is on its way, what was missed. No DOM here.
 *
 * A published message comes back to its sender like to everybody else. The echo carries no ref, but what one session
 * publishes arrives in order, so the first outgoing message with the same text is the one. Until then it stands below.
 */
const MAX_KEPT = 500;
const MAX_OUTGOING = 50;

let lastId = 0; // over all rooms: the ids are keys of what is drawn

export class Conversation {
  /** `{id, kind: "message", from, text, at, own, namesake}` and `{id, kind: "gap", lostAt, backAt}`, oldest first. */
  entries = [];
  /** `{id, text, since, state, reason}`, in the order they were written. States: waiting, sending, sent, unconfirmed, refused. */
  outgoing = [];
  unread = 0;
  /** The id of the first entry that was not read when the room was opened, or null. */
  newSince = null;
  /** Whether old entries had to go. */
  trimmed = false;
  /** The reason why the server does not let us in, or null. */
  refusal = null;
  #wasJoined = false;
  #firstUnread = null;

  /** A message from the server. True if it is the echo of one of ours. */
  receive({ from, text, at }, me) {
    const echo = from === me ? this.outgoing.find((o) => o.text === text && ["sending", "sent", "unconfirmed"].includes(o.state)) : undefined;
    if (echo) remove(this.outgoing, echo);
    const id = echo?.id ?? nextId();
    this.#keep({ id, kind: "message", from, text, at, own: Boolean(echo), namesake: !echo && from === me });
    return Boolean(echo);
  }

  /** Counts the last entry as not seen. */
  markUnread() {
    this.unread++;
    this.#firstUnread ??= this.entries.at(-1).id;
  }

  /** The room has come into view. What was unread gets a line above it until the room is left again. */
  open() {
    this.newSince = this.#firstUnread;
    this.markRead();
  }

  markRead() {
    this.unread = 0;
    this.#firstUnread = null;
  }

  /** Takes a text to send; null if too many are waiting already. */
  compose(text, now) {
    if (this.outgoing.length >= MAX_OUTGOING) return null;
    const message = { id: nextId(), text, since: now, state: "waiting", reason: "" };
    this.outgoing.push(message);
    return message;
  }

  discard(message) {
    remove(this.outgoing, message);
  }

  /** The server has let us in. After an earlier time it says so: nobody can tell what was said in between. */
  joined(lostAt, now) {
    this.refusal = null;
    if (this.#wasJoined) this.#keepGap(lostAt, now);
    this.#wasJoined = true;
  }

  /** What was acknowledged has been said, though its echo will not come any more. */
  connectionLost(me) {
    for (const message of this.outgoing.filter((o) => o.state === "sent")) {
      remove(this.outgoing, message);
      this.#keep({ id: message.id, kind: "message", from: me, text: message.text, at: message.since, own: true, namesake: false });
    }
  }

  #keepGap(lostAt, backAt) {
    const last = this.entries.at(-1);
    if (last?.kind === "gap") last.backAt = backAt; // lost again before anybody spoke: one gap
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
