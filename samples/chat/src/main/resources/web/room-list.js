/** The room list, the form that adds a room, and the drawer on phones. */
import { MAX_ROOMS } from "./limits.js";
import { byId, element, icon } from "./shared/dom.js";
import { hashOf, roomNameOf, roomProblem } from "./rooms.js";

export class RoomList {
  #list = byId("rooms");
  #form = byId("add-room");
  #input = byId("new-room");
  #error = byId("room-error");
  #app = byId("app");
  #menu = byId("menu");
  #badge = byId("menu-badge");
  #entries = new Map(); // room -> RoomEntry, in the order of the rooms
  #actions;

  /** @param actions `open(room)`, `leave(room)` */
  constructor(actions) {
    this.#actions = actions;
    this.#form.addEventListener("submit", (event) => this.#add(event));
    this.#input.addEventListener("input", () => this.#showError(""));
    this.#menu.addEventListener("click", () => this.#toggle(!this.#app.classList.contains("drawer-open")));
    byId("scrim").addEventListener("click", () => this.close());
    document.addEventListener("keydown", (event) => event.key === "Escape" && this.close());
  }

  /** @param rooms a Map of room to Conversation */
  draw(rooms, current) {
    for (const [room, { node }] of this.#entries) {
      if (rooms.has(room)) continue;
      node.remove();
      this.#entries.delete(room);
    }
    for (const [room, { unread, rejection }] of rooms) {
      if (!this.#entries.has(room)) this.#append(room);
      this.#entries.get(room).update({ unread, rejection, isCurrent: room === current, canLeave: rooms.size > 1 });
    }

    const elsewhere = [...rooms].reduce((sum, [room, { unread }]) => sum + (room === current ? 0 : unread), 0);
    this.#badge.hidden = elsewhere === 0;
    this.#badge.textContent = short(elsewhere);
    this.#menu.setAttribute("aria-label", elsewhere === 0 ? "Rooms" : `Rooms, ${elsewhere} unread`);
    this.#form.classList.toggle("full", rooms.size >= MAX_ROOMS);
  }

  close() {
    this.#toggle(false);
  }

  #append(room) {
    const entry = new RoomEntry(room, { open: () => this.#open(room), leave: () => this.#actions.leave(room) });
    this.#entries.set(room, entry);
    this.#list.append(entry.node);
  }

  #open(room) {
    this.close();
    this.#actions.open(room);
  }

  #add(event) {
    event.preventDefault();
    const room = roomNameOf(this.#input.value);
    const problem = this.#form.classList.contains("full")
      ? `You are in ${MAX_ROOMS} rooms. Leave one to add another.`
      : roomProblem(room);
    this.#showError(problem ?? "");
    if (problem) return;
    this.#input.value = "";
    this.#open(room);
  }

  #showError(problem) {
    this.#error.textContent = problem;
    this.#error.hidden = problem === "";
    this.#input.setAttribute("aria-invalid", String(problem !== ""));
  }

  #toggle(open) {
    const was = this.#app.classList.contains("drawer-open");
    this.#app.classList.toggle("drawer-open", open);
    this.#menu.setAttribute("aria-expanded", String(open));
    if (open) this.#list.querySelector("[aria-current]")?.focus();
    else if (was) this.#menu.focus();
  }
}

/** One room. It reuses its elements, so that an update between press and release does not lose a click. */
class RoomEntry {
  #badge = element("span", { class: "badge", "aria-hidden": "true" });
  #spoken = element("span", { class: "sr-only" });
  #warning = element("span", { class: "warn" }, "no access");
  #link;
  #leave;

  constructor(room, { open, leave }) {
    this.#link = element(
      "a",
      { href: hashOf(room), onclick: (event) => isPlainClick(event) && (event.preventDefault(), open()) },
      element("span", { class: "hash", "aria-hidden": "true" }, "#"),
      element("span", { class: "room-name", dir: "auto" }, room),
      this.#warning,
      this.#badge,
      this.#spoken,
    );
    this.#leave = element(
      "button",
      { type: "button", class: "leave", "aria-label": `Leave ${room}`, title: `Leave ${room}`, onclick: leave },
      icon("close"),
    );
    this.node = element("li", { "data-room": room }, this.#link, this.#leave);
  }

  update({ unread, rejection, isCurrent, canLeave }) {
    this.node.classList.toggle("unread", unread > 0);
    this.#badge.hidden = unread === 0;
    this.#badge.textContent = short(unread);
    this.#spoken.textContent = unread === 0 ? "" : ` ${unread} unread`;
    this.#warning.hidden = rejection === null;
    this.#link.title = rejection ?? "";
    if (isCurrent) this.#link.setAttribute("aria-current", "page");
    else this.#link.removeAttribute("aria-current");
    this.#leave.hidden = !canLeave;
  }
}

/** Excludes clicks that open a new tab. */
function isPlainClick({ button, ctrlKey, metaKey, shiftKey, altKey }) {
  return button === 0 && !ctrlKey && !metaKey && !shiftKey && !altKey;
}

function short(count) {
  return count > 99 ? "99+" : String(count);
}
