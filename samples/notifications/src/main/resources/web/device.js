/** One device: a connection, an inbox and their view. */
import { ConnectionView } from "./shared/connection-view.js";
import { arrange, drawing, element } from "./shared/dom.js";
import { LiveClient } from "./shared/live.js";
import { fullTime, relativeTime } from "./shared/times.js";
import { Inbox } from "./inbox.js";

const RINGS_MS = 2_500;
const BELL = "M12 4a6 6 0 0 0-6 6v4l-2 3h16l-2-3v-4a6 6 0 0 0-6-6M10 20a2 2 0 0 0 4 0";
const PLANE = "M3 13l8-2V5a1.5 1.5 0 0 1 3 0v6l7 3v2l-7-1.5V18l2 1.5V21l-3.5-1L9 21v-1.5l2-1.5v-3l-8 .5z";
const CHECK = "M3 13l4 4L16 8M12 16l1 1 9-9";

export class Device {
  #name;
  #inbox = new Inbox();
  #live;
  #connection;
  #root;
  #list = element("ol", { class: "notices", "aria-label": "Notices" });
  #empty = element("p", { class: "empty" }, "Nothing yet.");
  #badge = element("span", { class: "badge" }, "0");
  #note = element("p", { class: "note", role: "status", hidden: true });
  #airplane;
  #readAll;
  #ring;
  #ringTimer;
  #rows = new Map(); // id -> { read, node }

  /** @param root the element of the device; its label is the device name */
  constructor(root, { user, url, token }) {
    this.#root = root;
    this.#name = root.getAttribute("aria-label");
    const notices = `notices/${user}`;
    const unread = `unread/${user}`;
    this.#live = new LiveClient(
      url,
      {
        state: (state) => this.#connectionChanged(state),
        subscribed: (topic, recovery, missed) => topic === notices && this.#subscribed(recovery, missed),
        message: (topic, data) => (topic === unread ? this.#count(data.count) : this.#changed(data)),
        direct: (type, data) => type === "ring" && this.#showRing(data?.from),
        rejected: (topic, error) => this.#showNote(`${topic}: ${error.message}`),
      },
      { token },
    );
    this.#build();
    this.#live.subscribe(notices);
    this.#live.subscribe(unread);
    this.#live.connect();
    setInterval(() => this.#draw(), 30_000); // "5 min ago"
  }

  #build() {
    const pill = element("p", { class: "connection" });
    const strip = element("div", { class: "strip", hidden: true });
    this.#airplane = element(
      "button",
      { type: "button", class: "tool", "aria-pressed": "false", onclick: () => this.#fly() },
      drawing(PLANE),
      "Airplane mode",
    );
    this.#readAll = element(
      "button",
      { type: "button", class: "tool", onclick: () => this.#markRead(this.#inbox.unread) },
      drawing(CHECK),
      "Mark all read",
    );
    this.#ring = element(
      "button",
      { type: "button", class: "tool", onclick: () => this.#ringDevices() },
      drawing(BELL),
      "Ring my devices",
    );
    const out = element(
      "button",
      { type: "button", class: "tool", onclick: () => this.#request("sign-out-everywhere", this.#name) },
      "Sign out everywhere",
    );
    this.#root.append(
      element("header", {}, element("h2", {}, this.#name), this.#badge, pill),
      element("div", { class: "screen" }, strip, this.#note, this.#empty, this.#list),
      element("footer", {}, this.#readAll, this.#ring, this.#airplane, out),
    );
    this.#connection = new ConnectionView({
      pill,
      strip,
      tryNow: () => this.#live.connect(),
      ended: { 1000: "Airplane mode.", 4403: "Signed out everywhere." },
    });
    this.#count(0);
    this.#draw();
  }

  #connectionChanged(state) {
    this.#connection.draw(state);
    const isFlying = state.kind === "stopped" && state.code === 1000;
    this.#airplane.setAttribute("aria-pressed", String(isFlying));
    this.#root.classList.toggle("disconnected", state.kind === "waiting" || state.kind === "stopped");
    for (const button of [this.#readAll, this.#ring]) button.disabled = state.kind !== "connected";
  }

  /** After a recovery the missed changes follow. Otherwise the inbox is loaded. */
  async #subscribed(recovery, missed) {
    if (recovery === "recovered") {
      this.#showNote(missed > 0 ? `Caught up: ${missed} missed ${missed === 1 ? "change" : "changes"}.` : "");
      return;
    }
    try {
      this.#inbox.merge(await this.#live.request("inbox", this.#name));
      this.#showNote(recovery === "gap" ? "Some changes were missed: the inbox was loaded again." : "");
    } catch (error) {
      this.#showNote(`The inbox could not be loaded: ${error.message}`);
    }
    this.#draw();
  }

  #changed(change) {
    this.#inbox.apply(change);
    this.#draw();
  }

  #count(count) {
    this.#badge.textContent = String(count);
    this.#badge.setAttribute("aria-label", `${count} unread`);
    this.#badge.classList.toggle("none", count === 0);
  }

  #markRead(ids) {
    if (ids.length > 0) this.#request("read", ids);
  }

  async #ringDevices() {
    const rung = await this.#request("ring", this.#name);
    if (rung !== undefined) this.#showNote(`Ringing ${rung} ${rung === 1 ? "device" : "devices"}.`);
  }

  #showRing(from) {
    this.#root.classList.remove("ringing");
    this.#root.offsetWidth; // forces a reflow, so that a running animation restarts
    this.#root.classList.add("ringing");
    clearTimeout(this.#ringTimer);
    this.#ringTimer = setTimeout(() => this.#root.classList.remove("ringing"), RINGS_MS);
    if (from !== this.#name) this.#showNote(`${from} rings this device.`);
  }

  #fly() {
    if (this.#airplane.getAttribute("aria-pressed") === "true") this.#live.connect();
    else this.#live.stop();
  }

  /** Returns the response, or shows the error and returns undefined. */
  async #request(type, payload) {
    try {
      return await this.#live.request(type, payload);
    } catch (error) {
      if (error.code !== "connection_lost") this.#showNote(`Failed: ${error.message}`);
      return undefined;
    }
  }

  #showNote(text) {
    this.#note.textContent = text;
    this.#note.hidden = text === "";
  }

  #draw() {
    const notices = this.#inbox.notices;
    const now = Date.now();
    this.#empty.hidden = notices.length > 0;
    const rows = notices.map((notice) => {
      const drawn = this.#rows.get(notice.id);
      return drawn?.read === notice.read ? drawn : { read: notice.read, node: this.#row(notice, now) };
    });
    this.#rows = new Map(rows.map((row, index) => [notices[index].id, row]));
    arrange(
      this.#list,
      rows.map((row) => row.node),
    );
    for (const time of this.#list.querySelectorAll("time"))
      time.textContent = relativeTime(Date.parse(time.dateTime), now);
  }

  #row({ id, text, at, read }, now) {
    const time = Date.parse(at) || now;
    return element(
      "li",
      { class: read ? "read" : "unread" },
      element("p", { class: "text", dir: "auto" }, text),
      element("time", { datetime: new Date(time).toISOString(), title: fullTime(time) }, relativeTime(time, now)),
      !read &&
        element(
          "button",
          {
            type: "button",
            class: "mark",
            "aria-label": `Mark as read: ${text}`,
            title: "Mark as read",
            onclick: () => this.#markRead([id]),
          },
          drawing("M5 13l4.5 4.5L19 7"),
        ),
    );
  }
}
