/**
 * Draws the rows of a room. It changes only modified rows: a screen reader announces a message once, the selection is
 * kept, and a full room stays fast.
 */
import { avatar, tint } from "./shared/avatar.js";
import { byId, element, icon } from "./shared/dom.js";
import { clockTime, fullTime, relativeTime } from "./shared/times.js";
import { dayName } from "./days.js";

const AT_BOTTOM_PX = 48; // distance that counts as being at the end

export class MessageList {
  #scroller = byId("scroller");
  #log = byId("log");
  #pill = byId("pill");
  #pillText = byId("pill-text");
  #empty = byId("empty");
  #actions;
  #drawn = new Map(); // key -> { node, row }
  #room = null;
  #missed = 0;
  #atBottom = true;

  /** @param actions `resend(id)`, `edit(id)`, `discard(id)` of an outgoing message */
  constructor(actions) {
    this.#actions = actions;
    this.#scroller.addEventListener("scroll", () => this.#scrolled(), { passive: true });
    this.#pill.addEventListener("click", () => this.scrollToEnd());
    // An on-screen keyboard or a longer input shrinks the list: keep it scrolled to the end.
    new ResizeObserver(() => this.#atBottom && this.scrollToEnd()).observe(this.#scroller);
    setInterval(() => this.#refreshTimes(), 30_000);
  }

  draw(room, rows) {
    const isOther = room !== this.#room;
    if (isOther) this.#clear(room);
    const added = this.#reconcile(rows);
    this.#empty.hidden = rows.length > 0;

    const spokeMyself = added.some((row) => row.own && row.state);
    if (isOther) this.#showFirst();
    else if (this.#atBottom || spokeMyself) this.scrollToEnd();
    else this.#miss(added.filter((row) => row.kind === "message").length);
    // A screen reader must not announce the existing messages of a room.
    if (isOther) requestAnimationFrame(() => this.#log.setAttribute("aria-live", "polite"));
  }

  scrollToEnd() {
    this.#scroller.scrollTop = this.#scroller.scrollHeight;
    this.#atBottom = true;
    this.#miss(0);
  }

  #clear(room) {
    this.#log.setAttribute("aria-live", "off");
    this.#room = room;
    this.#drawn.clear();
    this.#log.replaceChildren();
    this.#atBottom = true;
    this.#missed = 0;
    this.#miss(0);
  }

  /** Sets the children of the log to the rows, in order. Returns the added rows. */
  #reconcile(rows) {
    const added = [];
    const keys = new Set(rows.map((row) => row.key));
    for (const [key, { node }] of this.#drawn) {
      if (keys.has(key)) continue;
      node.remove();
      this.#drawn.delete(key);
    }
    let place = this.#log.firstChild;
    for (const row of rows) {
      const before = this.#drawn.get(row.key);
      let node = before?.node;
      if (!before || !isSame(before.row, row)) {
        node = this.#build(row);
        if (!before) added.push(row);
        if (before?.node === place) place = place.nextSibling;
        before?.node.remove();
        this.#drawn.set(row.key, { node, row });
      }
      if (node === place) place = place.nextSibling;
      else this.#log.insertBefore(node, place);
    }
    return added;
  }

  #build(row) {
    const now = Date.now();
    switch (row.kind) {
      case "message":
        return this.#buildMessage(row, now);
      case "day":
        return element("li", { class: "divider day" }, element("span", {}, dayName(row.at, now)));
      case "new":
        return element("li", { class: "divider new" }, element("span", {}, "New"));
      case "trimmed":
        return element("li", { class: "divider" }, element("span", {}, "Older messages are not kept"));
      case "gap":
        return element(
          "li",
          { class: "divider gap" },
          element(
            "span",
            { title: `${fullTime(row.lostAt)} – ${fullTime(row.backAt)}` },
            icon("gap"),
            element("span", {}, `Connection lost (${period(row.lostAt, row.backAt)}): messages may be missing`),
          ),
        );
    }
    throw new Error(`unreachable: ${row.kind}`);
  }

  #buildMessage(row, now) {
    const own = row.own ? "own" : "";
    const first = row.startsGroup ? "first" : "";
    const time = element(
      "time",
      { datetime: new Date(row.at).toISOString(), title: fullTime(row.at) },
      relativeTime(row.at, now),
    );
    const head = element(
      "div",
      { class: "head" },
      tint(element("span", { class: "author", dir: "auto" }, row.own ? "You" : row.from), row.from),
      row.namesake && element("span", { class: "namesake" }, "same name as yours, from another window or person"),
      time,
    );
    const bubble = element(
      "div",
      { class: "bubble", title: fullTime(row.at) },
      element("p", { class: "text", dir: "auto" }, row.text),
    );
    return element(
      "li",
      { class: `message ${own} ${first} ${row.state ?? ""}`, "data-state": row.state },
      row.startsGroup && !row.own ? avatar(row.from) : null,
      element(
        "div",
        { class: "content" },
        row.startsGroup ? head : null,
        bubble,
        row.state ? this.#buildState(row) : null,
      ),
    );
  }

  #buildState({ id, state, reason }) {
    const button = (label, action) =>
      element("button", { type: "button", class: "link", onclick: () => action(id) }, label);
    const { resend, edit, discard } = this.#actions;
    switch (state) {
      case "waiting":
        return element(
          "p",
          { class: "state" },
          icon("clock"),
          "Waiting for the connection ",
          button("Discard", discard),
        );
      case "sending":
        return element("p", { class: "state" }, icon("clock"), "Sending…");
      case "sent":
        return element("p", { class: "state" }, icon("check"), "Sent");
      case "unconfirmed":
        return element(
          "p",
          { class: "state failed" },
          `Not confirmed: ${reason}. It may have arrived. `,
          button("Send again", resend),
          button("Discard", discard),
        );
      default:
        return element(
          "p",
          { class: "state failed" },
          `Not sent: ${reason} `,
          button("Try again", resend),
          button("Edit", edit),
          button("Discard", discard),
        );
    }
  }

  /** Scrolls a newly opened room to the first unread message, or to the end. */
  #showFirst() {
    this.scrollToEnd();
    const line = this.#drawn.get("new")?.node;
    if (line && line.offsetTop < this.#scroller.scrollTop) {
      this.#scroller.scrollTop = line.offsetTop - AT_BOTTOM_PX;
      this.#scrolled();
    }
  }

  #scrolled() {
    const { scrollHeight, scrollTop, clientHeight } = this.#scroller;
    this.#atBottom = scrollHeight - scrollTop - clientHeight < AT_BOTTOM_PX;
    if (this.#atBottom) this.#miss(0);
  }

  #miss(count) {
    this.#missed = count === 0 && this.#atBottom ? 0 : this.#missed + count;
    this.#pill.hidden = this.#missed === 0;
    this.#pillText.textContent = this.#missed === 1 ? "1 new message" : `${this.#missed} new messages`;
  }

  #refreshTimes() {
    const now = Date.now();
    for (const time of this.#log.querySelectorAll("time"))
      time.textContent = relativeTime(Date.parse(time.dateTime), now);
  }
}

function isSame(a, b) {
  return Object.keys(b).every((name) => a[name] === b[name]) && Object.keys(a).every((name) => name in b);
}

function period(from, to) {
  const [start, end] = [clockTime(from), clockTime(to)];
  return start === end ? start : `${start} to ${end}`;
}
